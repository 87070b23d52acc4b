-- A publication.
-- $1 text publication
select p.puballtables as all_tables,
       p.pubviaroot as via_root,
       p.pubinsert and p.pubupdate and p.pubdelete and p.pubtruncate as all_operations
  from pg_publication p
 where p.pubname = $1
