-- Everything that a snapshot of now sees was written before this position.
select pg_current_wal_insert_lsn() as lsn,
       ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int as timeline,
       (select system_identifier from pg_control_system()) as system_identifier,
       current_setting('wal_block_size')::bigint as page_bytes
