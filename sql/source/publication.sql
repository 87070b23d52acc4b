-- A publication and its tables, none if it publishes all.
-- $1 text publication
select p.puballtables as all_tables,
       p.pubviaroot as via_root,
       p.pubinsert and p.pubupdate and p.pubdelete and p.pubtruncate as all_operations,
       array(select r.prrelid from pg_publication_rel r where r.prpubid = p.oid order by 1) as tables,
       -- Row filters and column lists, which are columns of the catalogue from version 15 on.
       array(select r.prrelid
               from pg_publication_rel r, to_jsonb(r) as j
              where r.prpubid = p.oid
                and (j ->> 'prqual' is not null or j ->> 'prattrs' is not null)
              order by 1) as limited_tables
  from pg_publication p
 where p.pubname = $1
