-- The first eight digits of a WAL file's name are the timeline; the control file names it only from the next checkpoint on.
select (select system_identifier from pg_control_system()) as system_identifier,
       ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int as timeline
