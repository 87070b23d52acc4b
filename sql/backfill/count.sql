-- $1 bigint backfill, $2 bigint sent, $3 bigint that became jobs
update backfill set sent = sent + $2, left_over = left_over + $3 where id = $1
