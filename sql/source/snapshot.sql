-- What a statement sees that begins now.
select pg_current_snapshot()::text as snapshot
