-- How many jobs of a priority wait for a route, counted up to a limit.
-- $1 smallint route, $2 smallint priority, $3 bigint limit
select count(*) as waiting
  from (select from job where route = $1 and priority = $2 limit $3) as j
