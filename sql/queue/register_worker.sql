-- $1 text owner, $2 float8 seconds of lease
insert into worker (owner, started_at, expires_at)
values ($1, now(), now() + make_interval(secs => $2))
returning id
