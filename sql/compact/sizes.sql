-- What some tables of the state take on disk, with their indexes and all.
-- $1 text[] tables
select c.relname::text as name, pg_total_relation_size(c.oid) as bytes
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
 where n.nspname = current_schema()
   and c.relname = any($1)
