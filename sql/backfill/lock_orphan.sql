-- Locks a chunk whose holder is gone. None under the conditions under which no job is claimed, see queue/lock_due.sql.
-- $1 smallint route, $2 text fingerprint of this process, $3 integer timeline
select c.id, c.keys
  from chunk c
  join route r on r.id = c.route
 where c.route = $1
   and not exists (select from worker w where w.id = c.worker and w.expires_at > now())
   and r.fingerprint = $2
   and r.standing = 'open'
   and not exists (select from pause p where (p.kind, p.name) in (('sync', r.sync), ('sink', split_part(r.sink, '>', 1))))
   and (select greatest((select timeline_id from pg_control_checkpoint()),
                        (select min_recovery_end_timeline from pg_control_recovery())) = $3)
 order by c.id
 limit 1
   for update of c skip locked
