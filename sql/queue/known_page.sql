-- Subjects that a sink may hold, a page at a time: those that state knows, and those with a job or in a chunk, which may be in
-- flight for the first time. In one snapshot a subject in flight is always in one of them.
-- $1 smallint route, $2 text last key, or '' to begin, $3 bigint most, $4 boolean whether to begin
select key
  from (
    (select key from state where route = $1 and key >= $2 and (key > $2 or $4) order by key limit $3)
    union
    (select key from job where route = $1 and key >= $2 and (key > $2 or $4) order by key limit $3)
    union
    (select key
       from (select unnest(keys) as key from chunk where route = $1) as c
      where key >= $2 and (key > $2 or $4) order by key limit $3)
  ) as known
 order by key
 limit $3
