-- The next keys that somebody gave.
-- $1 bigint backfill, $2 integer number of the last page
select number, keys from backfill_page where backfill = $1 and number > $2 order by number limit 1
