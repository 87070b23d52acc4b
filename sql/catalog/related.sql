-- The tables that foreign keys link with some tables, either way. Partitions are left out: their root stands for them.
-- $1 oid[]  tables
-- $2 oid[]  tables that are known already
-- $3 bigint most rows
select c.oid,
       s.nspname as schema,
       c.relname as name,
       pg_table_is_visible(c.oid) as visible,
       (select count(*)
          from pg_constraint k
         where k.contype = 'f'
           and k.conrelid = c.oid
           and k.conparentid = 0) = 2 as refers_to_two
  from pg_class c
  join pg_namespace s on s.oid = c.relnamespace
 where not c.relispartition
   and c.oid <> all($2)
   and exists (
           select
             from pg_constraint f
            where f.contype = 'f'
              and f.conparentid = 0
              and ((f.conrelid = c.oid and f.confrelid = any($1))
                   or (f.confrelid = c.oid and f.conrelid = any($1))))
 order by s.nspname, c.relname
 limit $3
