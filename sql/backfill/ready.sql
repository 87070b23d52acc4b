-- The backfill of a route that goes on next: one with a rate does not hold up those without. None while a person lets the sync
-- or the sink rest, while another route takes the place of this one, and while another shape of the document is being sent.
-- $1 smallint route, $2 text fingerprint of this process, $3 text snapshot of the source
select b.id, b.walk, b.reconcile, b.condition, b.forced, b.rate, b.last_key, b.begun_at is not null as begun
  from backfill b
  join route r on r.id = b.route
 where b.route = $1
   and b.finished_at is null
   and b.paused_at is null
   and b.walk <> 'end'
   and b.run_at <= now()
   and r.fingerprint = $2
   and r.standing = 'open'
   and not exists (select from pause p where (p.kind, p.name) in (('sync', r.sync), ('sink', split_part(r.sink, '>', 1))))
   and (b.xid is null or pg_visible_in_snapshot(b.xid::text::xid8, $3::text::pg_snapshot))
   and (b.horizon is null or pg_snapshot_xmin($3::text::pg_snapshot)::text::bigint >= b.horizon)
 order by coalesce(b.rate, b.spread) is not null, b.id
 limit 1
