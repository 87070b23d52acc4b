-- Locks the jobs that the worker still holds, in the order in which intake locks.
-- $1 bigint[] jobs, $2 bigint worker
-- Result: the jobs, and how often each was touched
select id, touched from job where id = any($1) and worker = $2 order by key for update
