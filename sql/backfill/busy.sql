-- Subjects that have a job or are in a chunk, and whether somebody has them in hand.
-- $1 smallint route, $2 text[] keys
select key, worker is not null as held
  from job
 where route = $1 and key = any($2)
 union all
select key, true
  from (select unnest(keys) as key from chunk where route = $1) as c
 where key = any($2)
