-- $1 bigint worker, $2 float8 seconds of lease. No row: the lease has run out, or somebody has given the worker up.
update worker set expires_at = now() + make_interval(secs => $2) where id = $1 and expires_at > now()
