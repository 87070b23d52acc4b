-- $1 smallint route
select begun_at, walk, last_key, found from audit where route = $1
