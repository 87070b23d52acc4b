-- $1 text sync, $2 text sink
insert into route (sync, sink) values ($1, $2) returning id, sync, sink, fingerprint, configured, paused
