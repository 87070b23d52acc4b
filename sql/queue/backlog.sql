-- How many jobs of low priority wait for some routes, counted up to a limit.
-- $1 smallint[] routes, $2 smallint priority, $3 bigint limit
select count(*) as waiting
  from (select from job where route = any($1) and priority = $2 limit $3) as j
