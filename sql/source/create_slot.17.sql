-- Waits for every transaction that is writing to end.
-- $1 text slot
select lsn from pg_create_logical_replication_slot($1, 'pgoutput', failover => true)
