-- Columns that came with later versions are taken from the row as JSON.
-- $1 text slot
select plugin::text as plugin,
       database::text as database,
       active,
       wal_status,
       confirmed_flush_lsn,
       restart_lsn,
       pg_current_wal_lsn() as current_lsn,
       safe_wal_size,
       (to_jsonb(slot) ->> 'failover')::boolean as failover,
       to_jsonb(slot) ->> 'invalidation_reason' as invalidation_reason
  from pg_replication_slots as slot
 where slot_name = $1
