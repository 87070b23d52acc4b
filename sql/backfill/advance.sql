-- Notes that a backfill goes on behind a chunk. No row: another process has taken that step, somebody has paused or ended it,
-- the sync or the sink rests, another route takes the place of this one, another shape of the document is being sent, a process is at work that does not know of
-- chunks, or this is not the server that the worker is registered on.
-- $1 bigint backfill, $2 text its walk, $3 text last key as it was read, or null, $4 text walk from now on, $5 text last key from now
-- on, or null, $6 bigint subjects visited, $7 text fingerprint of this process, $8 integer timeline
update backfill b
   set walk = $4, last_key = $5, visited = b.visited + $6, error = null,
       run_at = case when b.rate is null then b.run_at else now() + make_interval(secs => $6 / b.rate) end
  from route r
 where b.id = $1
   and b.walk = $2
   and b.last_key is not distinct from $3
   and b.finished_at is null
   and b.paused_at is null
   and r.id = b.route
   and r.fingerprint = $7
   and r.standing = 'open'
   and not exists (select from pause p where (p.kind, p.name) in (('sync', r.sync), ('sink', split_part(r.sink, '>', 1))))
   and not exists (select from worker where expires_at > now() and not knows_chunks)
   and (select greatest((select timeline_id from pg_control_checkpoint()),
                        (select min_recovery_end_timeline from pg_control_recovery())) = $8)
returning b.id
