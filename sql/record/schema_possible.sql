-- Whether the state schema is there or can be made.
-- $1 text schema
select exists (select from pg_namespace where nspname = $1)
       or has_database_privilege(current_database(), 'create') as possible,
       current_user::text as role,
       current_database()::text as database
