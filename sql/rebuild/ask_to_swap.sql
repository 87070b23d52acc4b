-- $1 text sync, $2 text sink
update rebuild set swap = true, retry_at = null where sync = $1 and sink = $2 and ended_at is null
