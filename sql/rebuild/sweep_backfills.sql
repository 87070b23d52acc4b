-- Forgets backfills of a route, with their chunks and the keys that were given for them.
-- $1 smallint route, $2 bigint most
with gone as (
    select id from backfill where route = $1 limit $2 for update skip locked
), pages as (
    delete from backfill_page where backfill = any(array(select id from gone))
), chunks as (
    delete from chunk where route = $1
)
delete from backfill where id = any(array(select id from gone))
