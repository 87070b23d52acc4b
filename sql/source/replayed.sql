-- On a replica: how far its snapshots see. For the timeline see identity.sql; only where it is a replica no more.
select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end as lsn,
       (select system_identifier from pg_control_system()) as system_identifier,
       case when not pg_is_in_recovery()
            then greatest((select timeline_id from pg_control_checkpoint()),
                          (select min_recovery_end_timeline from pg_control_recovery()))
       end as timeline
