-- The foreign keys between some tables.
-- $1 oid[]  tables
select c.conname as name,
       c.conrelid as table_oid,
       c.conkey as columns,
       c.confrelid as referenced_oid,
       c.confkey as referenced_columns,
       -- A column of the catalogue from version 18 on.
       coalesce((to_jsonb(c) ->> 'conperiod')::boolean, false) as by_period
  from pg_constraint c
 where c.contype = 'f'
   and c.conrelid = any($1)
   and c.confrelid = any($1)
   and c.conparentid = 0
 order by c.conrelid, c.conname
