-- What temporary views and functions of this session depend on, views underneath them taken apart. They stand for
-- expressions of a configuration; Postgres notes for each what it depends on, but not the columns of whole rows, and nothing of
-- what functions read.
-- $1 text[]  names of views, $2 text[]  names of functions
-- Result: a row for each column that is read, and one without a column for each table; a row for each function of the
-- user's that may read tables itself; with each whether there are whole rows. At least one for each name.
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
       -- A variable without the number of an attribute is a whole row.
       coalesce(r.ev_action::text, p.prosqlbody::text) like '%:varattno 0 %' as whole_rows,
       c.oid as table_oid,
       s.nspname::text as schema,
       c.relname::text as table_name,
       a.attname::text as column_name,
       f.oid::regprocedure::text as function
  from reader v
  left join pg_rewrite r on v.classid = 'pg_rewrite'::regclass and r.oid = v.objid
  left join pg_proc p on v.classid = 'pg_proc'::regclass and p.oid = v.objid
  left join pg_depend d on d.classid = v.classid and d.objid = v.objid
  left join pg_class c on d.refclassid = 'pg_class'::regclass and c.oid = d.refobjid and c.relkind in ('r', 'p', 'f')
  left join pg_namespace s on s.oid = c.relnamespace
  left join pg_attribute a on a.attrelid = c.oid and a.attnum = d.refobjsubid and d.refobjsubid <> 0
  left join pg_proc f on d.refclassid = 'pg_proc'::regclass and f.oid = d.refobjid and f.provolatile <> 'i' and f.oid <> v.objid
 order by 1, 4, 5, 6, 7
