-- The columns of some tables.
-- $1 oid[]  tables
select a.attrelid as table_oid,
       a.attnum as number,
       a.attname as name,
       format_type(a.atttypid, a.atttypmod) as sql_type,
       -- A domain writes its values as its base type does.
       case when t.typtype = 'd' then t.typbasetype else t.oid end as type_oid,
       t.typtype::text as type_kind,
       coalesce(l.collisdeterministic, true) as deterministic,
       -- From version 18 on the constraint may be one that older rows need not fulfil.
       a.attnotnull
           and not exists (select from pg_constraint n
                            where n.conrelid = a.attrelid
                              and n.contype = 'n'
                              and n.conkey[1] = a.attnum
                              and not n.convalidated) as not_null,
       a.attgenerated <> '' as generated,
       -- Made when it is read, from version 18 on.
       a.attgenerated = 'v' as is_virtual,
       -- The transaction that wrote this row of the catalogue.
       a.xmin::text::bigint as version
  from pg_attribute a
  join pg_type t on t.oid = a.atttypid
  left join pg_collation l on l.oid = a.attcollation
 where a.attrelid = any($1)
   and a.attnum > 0
   and not a.attisdropped
 order by a.attrelid, a.attnum
