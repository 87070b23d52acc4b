-- Makes a job for each subject that has none, and marks the job as touched where a worker holds it.
-- A job that waits is left alone: it will be built after this and see the change. So folding writes nothing, unless the
-- route waits for quiet: then the job is put off, up to ten times as long after its creation. It is never brought forward: it
-- may wait for another reason, too. But one that a person asked for later and that was never tried waits for its time alone,
-- and a change does not wait with it.
-- $1 smallint[] routes, $2 text[] keys, $3 timestamptz[] commit times or null; sorted by route and key, so that two
-- statements at once lock in the same order; $4 smallint priority, $5 float8 seconds of quiet
-- Result: how many jobs are new
with enqueued as (
    insert into job (route, key, priority, run_at, changed_at, created_at)
    select s.route, s.key, $4, now() + make_interval(secs => $5), s.changed_at, now()
      from unnest($1::smallint[], $2::text[], $3::timestamptz[]) as s(route, key, changed_at)
        on conflict (route, key) do update
       set touched    = job.touched + 1,
           priority   = least(job.priority, excluded.priority),
           changed_at = coalesce(job.changed_at, excluded.changed_at),
           run_at     = case
                          when job.worker is null and job.asked and job.attempts = 0
                          then least(job.run_at, excluded.run_at)
                          when job.worker is null
                          then greatest(job.run_at, least(excluded.run_at, job.created_at + make_interval(secs => 10 * $5)))
                          else job.run_at
                        end
     where job.worker is not null
        or job.priority > excluded.priority
        or (job.asked and job.attempts = 0 and job.run_at > excluded.run_at)
        or ($5 > 0 and job.run_at < least(excluded.run_at, job.created_at + make_interval(secs => 10 * $5)))
    returning xmax = 0 as is_new
)
select count(*) filter (where is_new) as inserted from enqueued
