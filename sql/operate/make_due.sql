-- $1 bigint[] jobs that nobody holds, locked
update job set run_at = now() where id = any($1) and run_at > now()
