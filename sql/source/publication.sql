-- A publication and its tables, none if it publishes all.
-- $1 text publication
select p.puballtables as all_tables,
       p.pubviaroot as via_root,
       p.pubinsert and p.pubupdate and p.pubdelete and p.pubtruncate as all_operations,
       array(select r.prrelid from pg_publication_rel r where r.prpubid = p.oid order by 1) as tables
  from pg_publication p
 where p.pubname = $1
