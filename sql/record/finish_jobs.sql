-- Moves jobs out of the queue, to be kept. One that was touched meanwhile leaves a new job behind.
-- $1 bigint[] jobs, $2 text[] states, $3 smallint[] attempts in all, $4 boolean[] touched meanwhile
with over as (
    delete from job using unnest($1::bigint[], $2::text[], $3::smallint[], $4::boolean[]) as f(id, state, attempts, touched)
     where job.id = f.id
    returning job.*, f.state, f.attempts as attempts_in_all, f.touched as touched_again
), kept as (
    insert into finished_job (id, route, key, state, attempts, changed_at, created_at, finished_at)
    select id, route, key, state, attempts_in_all, changed_at, created_at, now() from over
)
insert into job (route, key, priority, run_at, changed_at, created_at)
select route, key, priority, now(), now(), now() from over where touched_again
