-- Which of some tables this role may read, in whole or only the rows that a policy shows, and which are its own.
-- $1 oid[] tables
select t.oid,
       has_table_privilege(t.oid, 'select') as may_select,
       row_security_active(t.oid) as sees_some,
       (select pg_has_role(c.relowner, 'usage') from pg_class c where c.oid = t.oid) as owned
  from unnest($1::oid[]) as t(oid)
