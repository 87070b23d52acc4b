-- Whether everything before a position is confirmed.
-- $1 text LSN
select confirmed_flush_lsn >= $1::text::pg_lsn
  from pg_replication_slots
 where slot_name = 'walsift'
