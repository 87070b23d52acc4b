-- $1 text owner, $2 float8 seconds of lease
insert into worker (owner, started_at, expires_at, knows_chunks)
values ($1, now(), now() + make_interval(secs => $2), true)
returning id
