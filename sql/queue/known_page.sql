-- Subjects that state knows, a page at a time.
-- $1 smallint route, $2 text last key or '' to begin, $3 bigint most
select key from state where route = $1 and key > $2 order by key limit $3
