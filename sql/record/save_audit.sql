-- No row: another audit of the route has begun since.
-- $1 smallint route, $2 timestamptz when this one began, $3 text walk, $4 text last key, or null, $5 jsonb what it has found
update audit
   set walk = $3, last_key = $4, found = $5, updated_at = now()
 where route = $1 and begun_at = $2
