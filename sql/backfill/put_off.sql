-- $1 bigint backfill, $2 float8 seconds, $3 text why it cannot go on
update backfill set run_at = now() + make_interval(secs => $2), error = $3 where id = $1
