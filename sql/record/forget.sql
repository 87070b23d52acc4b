-- The sink holds nothing of these any more.
-- $1 smallint route, $2 text[] keys
delete from state where route = $1 and key = any($2)
