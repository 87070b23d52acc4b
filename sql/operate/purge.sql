-- Forgets finished jobs and their tries. What somebody else is about to forget or to close is passed over.
-- $1 bigint[] jobs
with gone as (
    delete from finished_job
     where id in (select id from finished_job where id = any($1) for update skip locked)
    returning id
), attempts as (
    delete from attempt where job in (select id from gone)
)
select id from gone
