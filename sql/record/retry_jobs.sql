-- Lets go of jobs that failed and will be tried again. What was uncertain is now void in the state. Attempts are counted as
-- far as the column goes: those that use up nothing have no end.
-- $1 bigint[] jobs, $2 float8[] seconds until they are due, $3 float8[] seconds of quiet to wait for, 0 where the subject
-- has not changed since the claim; no longer than ten times that after the job's creation; $4 bigint[] versions sent,
-- $5 bytea[] digests sent, $6 boolean[] whether the attempt uses up nothing
update job
   set worker = null, version = null, sent_version = r.version, sent_digest = r.digest, uncertain = false,
       attempts = least(attempts + 1, 32767),
       spared = least(job.spared + r.spared::integer, 32767),
       run_at = greatest(now() + make_interval(secs => r.delay),
                         least(now() + make_interval(secs => r.quiet), created_at + make_interval(secs => 10 * r.quiet)))
  from unnest($1::bigint[], $2::float8[], $3::float8[], $4::bigint[], $5::bytea[], $6::boolean[])
       as r(id, delay, quiet, version, digest, spared)
 where job.id = r.id
