-- Right after a promotion only the recovery half of the control file names the new timeline, and the other half from the next
-- checkpoint on.
select (select system_identifier from pg_control_system()) as system_identifier,
       greatest((select timeline_id from pg_control_checkpoint()),
                (select min_recovery_end_timeline from pg_control_recovery())) as timeline
