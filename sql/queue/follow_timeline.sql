-- The server goes on, on another timeline, from a position past what was read.
-- $1 text slot, $2 integer timeline
update progress set timeline = $2, updated_at = now() where slot = $1
