-- The sink holds nothing of these any more.
-- $1 smallint route, $2 text[] keys
delete from state using unnest($2::text[]) as f(key) where state.route = $1 and state.key = f.key
