-- The tables that a publication names, by themselves or by their schema, none if it publishes all; and what it leaves out of them.
-- $1 text publication
with named (table_oid, filtered, columns) as (
    select r.prrelid,
           -- Row filters and column lists, which are columns of the catalogue from version 15 on.
           j ->> 'prqual' is not null,
           case when j ->> 'prattrs' is not null then
               array(select a.attname::text
                       from jsonb_array_elements_text(j -> 'prattrs') as n(attnum)
                       join pg_attribute a on a.attrelid = r.prrelid and a.attnum = n.attnum::int2)
           end
      from pg_publication p
      join pg_publication_rel r on r.prpubid = p.oid
     cross join to_jsonb(r) as j
     where p.pubname = $1
), of_schemas (table_oid) as (
    select c.oid
      from pg_publication p
      -- Schemas are in a catalogue of their own, from version 15 on, which a statement for all versions cannot name.
      join pg_depend d on d.refclassid = 'pg_publication'::regclass
                      and d.refobjid = p.oid
                      and d.classid = to_regclass('pg_catalog.pg_publication_namespace')
      join pg_depend s on s.classid = d.classid and s.objid = d.objid and s.refclassid = 'pg_namespace'::regclass
      join pg_class c on c.relnamespace = s.refobjid and c.relkind in ('r', 'p') and c.relpersistence = 'p'
     where p.pubname = $1
)
select table_oid, filtered, columns from named where table_oid not in (select table_oid from of_schemas)
 union all
-- With its schema a table is shown whole, whatever else is said of it.
select table_oid, false, null from of_schemas
 order by table_oid
