-- Makes a job for each subject that has none, and marks the job as touched where a worker holds it.
-- A job that waits is left alone: it will be built after this and see the change. So folding writes nothing.
-- $1 smallint[] routes, $2 text[] keys, $3 timestamptz[] commit times or null; sorted by route and key, so that two
-- statements at once lock in the same order; $4 smallint priority
-- Result: how many jobs are new
with enqueued as (
    insert into job (route, key, priority, run_at, changed_at, created_at)
    select s.route, s.key, $4, now(), s.changed_at, now()
      from unnest($1::smallint[], $2::text[], $3::timestamptz[]) as s(route, key, changed_at)
        on conflict (route, key) do update
       set touched    = job.touched + 1,
           priority   = least(job.priority, excluded.priority),
           changed_at = coalesce(job.changed_at, excluded.changed_at)
     where job.worker is not null
        or job.priority > excluded.priority
    returning xmax = 0 as is_new
)
select count(*) filter (where is_new) as inserted from enqueued
