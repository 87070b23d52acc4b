-- Lets go of jobs whose subjects have changed again since they were claimed: due at once, and as good as new.
-- $1 bigint[] jobs
update job
   set worker = null, run_at = now(), attempts = 0, changed_at = now(), created_at = now(),
       sent_version = null, sent_digest = null, uncertain = false, version = null
 where id = any($1)
