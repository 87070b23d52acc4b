-- What temporary views and functions of this session read, views underneath them taken apart. They stand for expressions
-- of a configuration; Postgres notes for each on what it depends.
-- $1 text[]  names of views, $2 text[]  names of functions
-- Result: a row for each column that is read, and one without a column for each table.
with recursive reader(name, classid, objid) as (
    select c.relname, 'pg_rewrite'::regclass::oid, r.oid
      from pg_class c
      join pg_rewrite r on r.ev_class = c.oid
     where c.relnamespace = pg_my_temp_schema()
       and c.relname = any($1::text[])
    union
    select p.proname, 'pg_proc'::regclass::oid, p.oid
      from pg_proc p
     where p.pronamespace = pg_my_temp_schema()
       and p.proname = any($2::text[])
    union
    select v.name, 'pg_rewrite'::regclass::oid, r.oid
      from reader v
      join pg_depend d on d.classid = v.classid and d.objid = v.objid and d.refclassid = 'pg_class'::regclass
      join pg_class c on c.oid = d.refobjid and c.relkind in ('v', 'm')
      join pg_rewrite r on r.ev_class = c.oid
)
select distinct
       v.name::text as name,
       c.oid as table_oid,
       s.nspname::text as schema,
       c.relname::text as table_name,
       a.attname::text as column_name
  from reader v
  join pg_depend d on d.classid = v.classid and d.objid = v.objid and d.refclassid = 'pg_class'::regclass
  join pg_class c on c.oid = d.refobjid and c.relkind in ('r', 'p', 'f')
  join pg_namespace s on s.oid = c.relnamespace
  left join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid and d.refobjsubid <> 0
 order by 1, 3, 4, 5
