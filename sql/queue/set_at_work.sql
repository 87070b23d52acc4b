-- $1 smallint route, $2 text fingerprint, $3 text configured
update route set fingerprint = $2, configured = $3, paused = null where id = $1
