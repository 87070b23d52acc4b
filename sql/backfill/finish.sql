-- Ends the backfills of a route that have visited everything, once no chunk of theirs is left.
-- $1 smallint route
update backfill b
   set finished_at = now(), outcome = 'done'
 where b.route = $1
   and b.finished_at is null
   and b.walk = 'end'
   and not exists (select from chunk c where c.backfill = b.id)
returning b.id, b.visited, b.sent, b.left_over, extract(epoch from now() - b.begun_at)::float8 as seconds
