-- Every try of a job.
-- $1 bigint job
select number, started_at, finished_at, outcome, class, status, message, certain, operation, version, digest
  from attempt
 where job = $1
 order by number
