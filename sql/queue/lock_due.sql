-- Locks jobs that are due and that nobody holds, the most urgent first; of each priority the longest waiting. None at all
-- while a person lets the sync or the sink rest, or another route takes the place of this one; while another shape of the document is
-- being sent: that is for processes with the newer configuration; and on a server that took the place of the one that the worker is registered on, for the timeline
-- see source/identity.sql. Not those of subjects that are in a chunk of a backfill: somebody has them in hand.
-- $1 smallint route, $2 bigint most, $3 text fingerprint of this process, $4 bigint most of the lowest priority,
-- $5 integer timeline
select j.id
  from route r
 cross join (values (0::smallint), (1::smallint), (2::smallint), (3::smallint)) as p(priority)
 cross join lateral (
    select id
      from job
     where route = $1
       and priority = p.priority
       and run_at <= now()
       and (worker is null
            or not exists (select from worker w where w.id = job.worker and w.expires_at > now()))
       and key not in (select unnest(c.keys) from chunk c where c.route = $1)
     order by run_at
     limit case p.priority when 3 then least($2::bigint, $4::bigint) else $2::bigint end
       for update skip locked
 ) as j
 where r.id = $1
   and r.fingerprint = $3
   and r.standing = 'open'
   and not exists (select from pause p where (p.kind, p.name) in (('sync', r.sync), ('sink', split_part(r.sink, '>', 1))))
   and (select greatest((select timeline_id from pg_control_checkpoint()),
                        (select min_recovery_end_timeline from pg_control_recovery())) = $5)
 limit $2::bigint
