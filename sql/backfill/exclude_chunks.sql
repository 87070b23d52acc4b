-- Waits for chunks of some routes that are being made, and keeps others out until the end of the transaction.
-- $1 smallint[] routes, in their order
select pg_advisory_xact_lock_shared(hashtextextended('walsift chunks:' || current_schema(), r.route))
  from unnest($1::smallint[]) as r(route)
