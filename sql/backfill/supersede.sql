-- Ends the backfills of a route that another one makes needless, which visits whatever they would.
-- $1 smallint route, $2 bigint the other one, $3 text its walk, $4 boolean whether what the source has no more comes after it
update backfill
   set finished_at = now(), outcome = 'superseded'
 where route = $1
   and id <> $2
   and finished_at is null
   and cause <> 'asked'
   and (case when walk = 'source' then $3 = 'source' and (not reconcile or $4) else $3 = 'known' or $4 end)
