-- Jobs of subjects that a worker was lost with: it may have sent something that nobody recorded.
-- $1 smallint route, $2 text[] keys, in their order
with locked as (
    select id from job where route = $1 and key = any($2) order by key for update
)
update job set uncertain = true from locked where job.id = locked.id
