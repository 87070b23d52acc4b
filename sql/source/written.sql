-- Every change that has been read from the stream was flushed before this position. What is not flushed yet, though it may be
-- visible, comes through the stream later, with a job of its own; to wait for it might take until somebody else commits.
-- For the timeline see identity.sql.
select pg_current_wal_flush_lsn() as lsn,
       (select system_identifier from pg_control_system()) as system_identifier,
       greatest((select timeline_id from pg_control_checkpoint()),
                (select min_recovery_end_timeline from pg_control_recovery())) as timeline
