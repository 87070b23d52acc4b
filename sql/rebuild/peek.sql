-- How far a rebuild is that stands. Locks nothing, so it can be asked again and again.
-- $1 integer rebuild
select swap, swapping, problem is not null as told, retry_at > now() as waits from rebuild where id = $1 and ended_at is null
