-- The tables that a publication names, none if it publishes all, and what it leaves out of them.
-- $1 text publication
select r.prrelid as table_oid,
       -- Row filters and column lists, which are columns of the catalogue from version 15 on.
       j ->> 'prqual' is not null as filtered,
       case when j ->> 'prattrs' is not null then
           array(select a.attname::text
                   from jsonb_array_elements_text(j -> 'prattrs') as n(attnum)
                   join pg_attribute a on a.attrelid = r.prrelid and a.attnum = n.attnum::int2)
       end as columns
  from pg_publication p
  join pg_publication_rel r on r.prpubid = p.oid
 cross join to_jsonb(r) as j
 where p.pubname = $1
 order by r.prrelid
