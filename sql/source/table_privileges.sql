-- Which of some tables this role may read, in whole or only the rows that a policy shows, and which are its own. A table
-- that has just been dropped is neither.
-- $1 oid[] tables
select t.oid,
       coalesce(has_table_privilege(t.oid, 'select'), false) as may_select,
       coalesce(row_security_active(t.oid), false) as sees_some,
       coalesce((select pg_has_role(c.relowner, 'usage') from pg_class c where c.oid = t.oid), false) as owned
  from unnest($1::oid[]) as t(oid)
