-- What cannot be seen into in temporary views and functions of this session, and in views underneath them: whole rows, of
-- which Postgres does not note the columns, and functions of the user's that may read tables themselves.
-- $1 text[]  names of views, $2 text[]  names of functions
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
select v.name::text as name,
       -- A variable without the number of an attribute is a whole row.
       coalesce(r.ev_action::text, p.prosqlbody::text) like '%:varattno 0 %' as whole_rows,
       array(select distinct f.oid::regprocedure::text
               from pg_depend d
               join pg_proc f on f.oid = d.refobjid
              where d.classid = v.classid
                and d.objid = v.objid
                and d.refclassid = 'pg_proc'::regclass
                and f.provolatile <> 'i'
                and f.oid <> v.objid
              order by 1) as functions
  from reader v
  left join pg_rewrite r on v.classid = 'pg_rewrite'::regclass and r.oid = v.objid
  left join pg_proc p on v.classid = 'pg_proc'::regclass and p.oid = v.objid
