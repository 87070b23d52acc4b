-- Locks the rebuild of a sync that stands.
-- $1 text sync, $2 text sink
select id, sync, sink, target, target_id, route, swapping
  from rebuild
 where sync = $1 and sink = $2 and ended_at is null
   for update
