-- $1 text sync, $2 text sink
-- Result: whether there is such a rebuild
update rebuild set swap = true, retry_at = null where sync = $1 and sink = $2 and ended_at is null
