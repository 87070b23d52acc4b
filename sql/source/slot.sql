-- $1 text slot
select plugin::text as plugin,
       database::text as database,
       active,
       wal_status,
       confirmed_flush_lsn,
       pg_current_wal_lsn() as current_lsn,
       (pg_current_wal_lsn() - confirmed_flush_lsn)::int8 as lag_bytes,
       safe_wal_size
  from pg_replication_slots
 where slot_name = $1
