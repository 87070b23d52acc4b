-- What hangs below some tables, at whatever depth: the partitions that hold rows themselves, and the tables that inherit. A
-- query of a table reads their rows too; the stream shows those of partitions under the name of the root, those of heirs
-- under their own.
-- $1 oid[]  tables
-- Result: as of tables.sql, with the table above, and whether it is a partition.
with recursive descendant(table_oid, oid, is_partition) as (
    select i.inhparent, i.inhrelid, c.relispartition
      from pg_inherits i
      join pg_class c on c.oid = i.inhrelid
     where i.inhparent = any($1::oid[])
       and not i.inhdetachpending
    union
    select d.table_oid, i.inhrelid, c.relispartition
      from descendant d
      join pg_inherits i on i.inhparent = d.oid and not i.inhdetachpending
      join pg_class c on c.oid = i.inhrelid
)
select d.table_oid,
       d.is_partition,
       c.oid,
       s.nspname as schema,
       c.relname as name,
       c.relkind::text as kind,
       c.relpersistence::text as persistence,
       c.relreplident::text as identity,
       greatest(c.reltuples, 0)::float8 as rows
  from descendant d
  join pg_class c on c.oid = d.oid
  join pg_namespace s on s.oid = c.relnamespace
 where c.relkind <> 'p'
 order by d.table_oid, s.nspname, c.relname
