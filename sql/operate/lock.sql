-- Locks active jobs, in the order in which intake locks. Whoever claims passes them over.
-- $1 bigint[] jobs
select id from job where id = any($1) order by route, key for update
