-- For which routes the present reader maps changes.
-- $1 text slot, $2 smallint[] routes
update progress set routes = $2 where slot = $1
