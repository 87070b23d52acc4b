-- Stands for all that the catalogue says of some tables and of a publication: another one whenever any of it was changed.
-- $1 text[]  names of tables, quoted, with a schema or without one; $2 text publication
with recursive named (name, oid) as (
    select n, to_regclass(n)::oid from unnest($1::text[]) as n
), tables (oid) as (
    select oid from named where oid is not null
    union
    -- Partitions, at whatever depth.
    select i.inhrelid from tables t join pg_inherits i on i.inhparent = t.oid
), facts (fact) as (
    select concat_ws(' ', 'name', name, oid) from named
    union all
    select concat_ws(' ', 'table', c.oid, s.nspname, c.relname, c.relkind, c.relpersistence, c.relreplident, c.relowner,
                     has_table_privilege(c.oid, 'select'))
      from tables t
      join pg_class c on c.oid = t.oid
      join pg_namespace s on s.oid = c.relnamespace
    union all
    -- A row of the catalogue that was changed was written by another transaction. Partitions have the columns of their root.
    select concat_ws(' ', 'column', a.attrelid, a.attnum, a.xmin)
      from named n
      join pg_attribute a on a.attrelid = n.oid
     where a.attnum > 0
    union all
    select concat_ws(' ', 'index', i.indexrelid, i.xmin) from tables t join pg_index i on i.indrelid = t.oid
    union all
    select concat_ws(' ', 'constraint', c.oid, c.xmin) from tables t join pg_constraint c on c.conrelid = t.oid
    union all
    select concat_ws(' ', 'publication', p.oid, p.xmin) from pg_publication p where p.pubname = $2
    union all
    select concat_ws(' ', 'published', r.oid, r.prrelid, r.xmin)
      from pg_publication p
      join pg_publication_rel r on r.prpubid = p.oid
     where p.pubname = $2
    union all
    -- Schemas, from version 15 on.
    select concat_ws(' ', 'published schema', d.objid)
      from pg_publication p
      join pg_depend d on d.refclassid = 'pg_publication'::regclass
                      and d.refobjid = p.oid
                      and d.classid = to_regclass('pg_catalog.pg_publication_namespace')
     where p.pubname = $2
)
select coalesce(md5(string_agg(fact, E'\n' order by fact)), '') as digest from facts
