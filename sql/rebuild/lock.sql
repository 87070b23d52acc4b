-- Locks a rebuild that stands, unless another process is at it.
-- $1 integer rebuild
select swap, swapping, problem is not null as told, retry_at > now() as waits
  from rebuild
 where id = $1 and ended_at is null
   for update skip locked
