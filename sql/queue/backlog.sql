-- How many jobs of a priority wait for a route, counted up to a limit; in the order of the index by which they are found.
-- $1 smallint route, $2 smallint priority, $3 bigint limit
select count(*) as waiting
  from (select from job where route = $1 and priority = $2 order by run_at limit $3) as j
