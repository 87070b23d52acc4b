-- $1 bigint[] jobs
select id, state, active from every_job where id = any($1)
