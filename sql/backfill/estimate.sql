-- $1 bigint backfill, $2 bigint how many keys somebody gave
update backfill set estimate = $2 where id = $1
