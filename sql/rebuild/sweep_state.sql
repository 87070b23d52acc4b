-- Forgets what the sink of a route holds, in the order of the keys: entries of the index that vacuum may not remove yet need not be
-- gone through again.
-- $1 smallint route, $2 text key behind which they are, null for from the beginning, $3 bigint most
-- Result: how many there were, and the last of them
with gone as (
    select key from state where route = $1 and key >= coalesce($2::text, '') order by key limit $3
), forgotten as (
    delete from state where route = $1 and key = any(array(select key from gone))
)
select count(*) as forgotten, max(key) as last from gone
