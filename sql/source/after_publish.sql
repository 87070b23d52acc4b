-- Marks a transaction as what a sync does after its deliveries. Must be the first statement.
-- $1 text slot and sync, with a slash between
select pg_logical_emit_message(true, 'walsift.after_publish', $1)
