-- Everything that a snapshot of now sees was written before this position. For the timeline see identity.sql.
select pg_current_wal_insert_lsn() as lsn,
       (select system_identifier from pg_control_system()) as system_identifier,
       greatest((select timeline_id from pg_control_checkpoint()),
                (select min_recovery_end_timeline from pg_control_recovery())) as timeline,
       current_setting('wal_block_size')::bigint as page_bytes
