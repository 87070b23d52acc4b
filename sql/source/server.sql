-- What the server and this role are able to do.
-- $1 text slot
select current_setting('server_version_num')::int as version,
       current_setting('wal_level') as wal_level,
       current_setting('max_replication_slots')::int as slots_max,
       (select count(*) from pg_replication_slots) as slots_used,
       exists (select from pg_replication_slots where slot_name = $1) as slot_exists,
       current_setting('max_wal_senders')::int as senders_max,
       (select count(*) from pg_stat_replication) as senders_used,
       pg_is_in_recovery() as in_recovery,
       current_user::text as role,
       current_database()::text as database,
       (select rolreplication or rolsuper from pg_roles where rolname = current_user) as may_replicate,
       (select rolsuper from pg_roles where rolname = current_user) as is_superuser,
       has_database_privilege(current_database(), 'create') as may_create,
       current_setting('max_slot_wal_keep_size') as slot_wal_keep_size
