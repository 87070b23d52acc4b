-- On a replica: how far its snapshots see. The timeline only where it is a replica no more.
select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end as lsn,
       case when not pg_is_in_recovery()
            then ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int
       end as timeline,
       (select system_identifier from pg_control_system()) as system_identifier
