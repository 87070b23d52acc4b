-- The tables that inherit from some tables, at whatever depth, partitions aside: a query of a table reads their rows too,
-- but the stream shows these under the names of the heirs.
-- $1 oid[]  tables
-- Result: as of tables.sql, with the table inherited from.
with recursive heir(table_oid, oid) as (
    select i.inhparent, i.inhrelid
      from pg_inherits i
      join pg_class c on c.oid = i.inhrelid and not c.relispartition
     where i.inhparent = any($1::oid[])
    union
    select h.table_oid, i.inhrelid
      from heir h
      join pg_inherits i on i.inhparent = h.oid
      join pg_class c on c.oid = i.inhrelid and not c.relispartition
)
select h.table_oid,
       c.oid,
       s.nspname as schema,
       c.relname as name,
       c.relkind::text as kind,
       c.relpersistence::text as persistence,
       c.relreplident::text as identity,
       greatest(c.reltuples, 0)::float8 as rows
  from heir h
  join pg_class c on c.oid = h.oid
  join pg_namespace s on s.oid = c.relnamespace
 order by h.table_oid, s.nspname, c.relname
