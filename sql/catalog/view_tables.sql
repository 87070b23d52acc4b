-- The tables underneath a view.
-- $1 oid  the view
select distinct d.refobjid::regclass::text as name
  from pg_rewrite r
  join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
  join pg_class c on c.oid = d.refobjid
 where r.ev_class = $1
   and d.refclassid = 'pg_class'::regclass
   and d.refobjid <> r.ev_class
 order by 1
