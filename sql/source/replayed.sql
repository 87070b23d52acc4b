-- On a replica: how far its snapshots see, and on which timeline. The control file follows to a new timeline with the next
-- flush or restart point; the receiver tells at once, but only those who may read all statistics.
select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end as lsn,
       pg_is_in_recovery() as in_recovery,
       (select system_identifier from pg_control_system()) as system_identifier,
       greatest((select timeline_id from pg_control_checkpoint()),
                (select min_recovery_end_timeline from pg_control_recovery()),
                (select received_tli from pg_stat_wal_receiver)) as timeline
