-- Lets go of jobs that were not tried; an uncertainty stays with them.
-- $1 bigint[] jobs, $2 float8[] seconds until they are due
update job
   set worker = null, version = null, run_at = now() + make_interval(secs => r.delay)
  from unnest($1::bigint[], $2::float8[]) as r(id, delay)
 where job.id = r.id
