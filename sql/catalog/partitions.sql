-- The partitions of some tables that hold rows themselves, at whatever depth.
-- $1 oid[]  tables
-- Result: as of tables.sql, with the partitioned table.
select t.oid as table_oid,
       c.oid,
       s.nspname as schema,
       c.relname as name,
       c.relkind::text as kind,
       c.relpersistence::text as persistence,
       c.relreplident::text as identity,
       greatest(c.reltuples, 0)::float8 as rows
  from unnest($1::oid[]) as t(oid)
  cross join lateral pg_partition_tree(t.oid) as p
  join pg_class c on c.oid = p.relid
  join pg_namespace s on s.oid = c.relnamespace
 where p.isleaf
   and c.oid <> t.oid
 order by t.oid, s.nspname, c.relname
