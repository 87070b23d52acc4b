-- Lets go of jobs that failed and will be tried again. What was uncertain is now void in the state.
-- $1 bigint[] jobs, $2 float8[] seconds until they are due, $3 bigint[] versions sent, $4 bytea[] digests sent
update job
   set worker = null, version = null, run_at = now() + make_interval(secs => r.delay), attempts = attempts + 1,
       sent_version = r.version, sent_digest = r.digest, uncertain = false
  from unnest($1::bigint[], $2::float8[], $3::bigint[], $4::bytea[]) as r(id, delay, version, digest)
 where job.id = r.id
