-- Moves jobs out of the queue, to be kept. One that stands for something new leaves a new job behind: see `renew_jobs`.
-- $1 bigint[] jobs, $2 text[] states, $3 smallint[] attempts in all, $4 text[] why nothing was sent, or null,
-- $5 float8[] seconds until the new job is due, null for none, $6 boolean[] whether there was a change,
-- $7 boolean[] whether what is equal was to be sent when they were claimed
with over as (
    delete from job
     using unnest($1::bigint[], $2::text[], $3::smallint[], $4::text[], $5::float8[], $6::boolean[], $7::boolean[])
           as f(id, state, attempts, suppressed, delay, changed, was_forced)
     where job.id = f.id
    returning job.*, f.state, f.attempts as attempts_in_all, f.suppressed, f.delay, f.changed, f.was_forced
), kept as (
    insert into finished_job (id, route, key, state, attempts, changed_at, created_at, finished_at, suppressed,
                              asked, forced, replay_of, replay_attempt)
    select id, route, key, state, attempts_in_all, changed_at, created_at, now(), suppressed,
           asked, forced, replay_of, replay_attempt
      from over
)
insert into job (route, key, priority, run_at, changed_at, created_at, forced)
select route, key, priority, now() + make_interval(secs => delay), case when changed then now() end, now(),
       forced and not was_forced
  from over
 where delay is not null
