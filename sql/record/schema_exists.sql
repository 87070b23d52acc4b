-- $1 text schema
select exists (select from pg_namespace where nspname = $1) as present
