-- Where the slot is.
-- Result: what is confirmed, and how many bytes of WAL the server has written since
select confirmed_flush_lsn::text as confirmed,
       (pg_current_wal_lsn() - confirmed_flush_lsn)::int8 as lag_bytes
  from pg_replication_slots
 where slot_name = 'walsift'
