-- How many visits of a route there are, counted up to a limit.
-- $1 smallint route, $2 bigint limit
select count(*) as waiting from (select from visit where route = $1 limit $2) as v
