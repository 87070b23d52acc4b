-- $1 bigint[] jobs
delete from job where id = any($1)
