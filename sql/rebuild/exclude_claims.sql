-- Waits for claims and chunks under way of the route that a rebuild replaces, and keeps others out until the end of the transaction:
-- those that come after it see that the route is closed. The same lock as in backfill/exclude_claims.sql.
-- $1 integer rebuild
select pg_advisory_xact_lock(hashtextextended('walsift chunks:' || current_schema(), r.id))
  from rebuild b
  join route r on (r.sync, r.sink) = (b.sync, b.sink)
 where b.id = $1
