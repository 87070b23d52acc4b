-- What there is to do for backfills of a route: some are not finished, some have visited everything, the holder of a chunk is gone.
-- $1 smallint route
select coalesce(bool_or(walk <> 'end'), false) as open,
       coalesce(bool_or(walk = 'end'), false) as ending,
       exists (select from chunk c
                where c.route = $1
                  and not exists (select from worker w where w.id = c.worker and w.expires_at > now())) as orphaned
  from backfill
 where route = $1
   and finished_at is null
   and (paused_at is null or walk = 'end')
