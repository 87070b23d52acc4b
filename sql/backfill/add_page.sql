-- $1 bigint backfill, $2 integer number, $3 text[] keys
insert into backfill_page (backfill, number, keys) values ($1, $2, $3)
