-- Before the source is asked for the first time: what changes from then on may not be found any more. One that is to be spread is
-- done before the time is over, and few subjects are not spread at all.
-- $1 bigint backfill, $2 bigint estimate of its subjects, or null
update backfill
   set begun_at = now(), estimate = coalesce($2::bigint, estimate),
       rate = case when spread is null then rate else greatest(2 * coalesce($2::bigint, 0) / spread, 20) end
 where id = $1 and begun_at is null
