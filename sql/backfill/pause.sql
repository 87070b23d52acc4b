-- $1 bigint backfill, $2 boolean whether it rests from now on
-- Result: no row if it is over
update backfill
   set paused_at = case when $2 then coalesce(paused_at, now()) end
 where id = $1
   and finished_at is null
returning id
