-- Lets go of jobs that are over and stand for something new: a change since they were claimed, or a look at the subject when
-- it may be delivered again. As good as new, but for what somebody has asked for since.
-- $1 bigint[] jobs, $2 float8[] seconds until they are due, $3 boolean[] whether there was a change, $4 boolean[] whether what is
-- equal was to be sent when they were claimed
update job
   set worker = null, run_at = now() + make_interval(secs => r.delay), attempts = 0,
       changed_at = case when r.changed then now() end, created_at = now(),
       sent_version = null, sent_digest = null, uncertain = false, version = null,
       asked = false, forced = job.forced and not r.forced, replay_of = null, replay_attempt = null, spared = 0
  from unnest($1::bigint[], $2::float8[], $3::boolean[], $4::boolean[]) as r(id, delay, changed, forced)
 where job.id = r.id
