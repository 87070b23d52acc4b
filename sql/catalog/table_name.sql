-- $1 oid  table
select s.nspname::text as schema, c.relname::text as name
  from pg_class c
  join pg_namespace s on s.oid = c.relnamespace
 where c.oid = $1
