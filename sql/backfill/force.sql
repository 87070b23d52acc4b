-- Locked in the order in which intake locks.
-- $1 smallint route, $2 text[] keys
with locked as (
    select id from job where route = $1 and key = any($2) and not forced order by key for update
)
update job set forced = true from locked where job.id = locked.id
