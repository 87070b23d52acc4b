-- The visits of a route that may go on, the most urgent first, and whether others must wait.
-- $1 smallint route, $2 text snapshot of the source, $3 bigint most
select id, priority
  from visit
 where route = $1
   and run_at <= now()
   and (xid is null or pg_visible_in_snapshot(xid::text::xid8, $2::text::pg_snapshot))
   and (horizon is null or pg_snapshot_xmin($2::text::pg_snapshot)::text::bigint >= horizon)
 order by priority, id
 limit $3
