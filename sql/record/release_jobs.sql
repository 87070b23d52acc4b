-- Lets go of jobs that were not tried; an uncertainty stays with them.
-- $1 bigint[] jobs, $2 float8[] seconds until they are due, $3 float8[] seconds of quiet to wait for, 0 where the subject
-- has not changed since the claim; no longer than ten times that after the job's creation
update job
   set worker = null, version = null,
       run_at = greatest(now() + make_interval(secs => r.delay),
                         least(now() + make_interval(secs => r.quiet), created_at + make_interval(secs => 10 * r.quiet)))
  from unnest($1::bigint[], $2::float8[], $3::float8[]) as r(id, delay, quiet)
 where job.id = r.id
