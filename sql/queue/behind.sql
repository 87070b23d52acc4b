-- How many seconds ago was written what the slot was read up to. Null where that is not known.
-- $1 text slot
select extract(epoch from now() - read_at)::float8 as seconds from progress where slot = $1
