-- A publication.
-- $1 text publication
select p.puballtables as all_tables,
       p.pubviaroot as via_root,
       p.pubinsert and p.pubupdate and p.pubdelete and p.pubtruncate as all_operations,
       -- A column of the catalogue from version 18 on, before which nobody asks for them.
       coalesce(to_jsonb(p) ->> 'pubgencols', 's') = 's' as generated
  from pg_publication p
 where p.pubname = $1
