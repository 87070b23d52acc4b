-- Forgets jobs of a route, with their attempts.
-- $1 smallint route, $2 bigint most
with gone as (
    select id from job where route = $1 limit $2 for update skip locked
), attempts as (
    delete from attempt where job = any(array(select id from gone))
)
delete from job where id = any(array(select id from gone))
