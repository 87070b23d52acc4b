-- Writes a few bytes into the WAL, and nothing into any table: a reader has read all that was committed before once it has come
-- past them, and makes progress be written.
select pg_logical_emit_message(true, 'walsift.audit', '') as lsn
