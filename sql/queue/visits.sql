-- The visits of a route that may go on, the most urgent first, and whether others must wait. None while another shape of the
-- document is being sent.
-- $1 smallint route, $2 text fingerprint of this process, $3 text snapshot of the source, $4 bigint most
select v.id, v.priority
  from visit v
  join route r on r.id = v.route
 where v.route = $1
   and v.kind in ('subjects', 'lookup')
   and r.fingerprint = $2
   and v.run_at <= now()
   and (v.xid is null or pg_visible_in_snapshot(v.xid::text::xid8, $3::text::pg_snapshot))
   and (v.horizon is null or pg_snapshot_xmin($3::text::pg_snapshot)::text::bigint >= v.horizon)
 order by v.priority, v.id
 limit $4
