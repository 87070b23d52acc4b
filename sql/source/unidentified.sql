-- Published tables without a replica identity: Postgres rejects updates and deletes of their rows.
-- $1 text publication
with recursive published (root, oid) as (
    select r.prrelid, r.prrelid
      from pg_publication p
      join pg_publication_rel r on r.prpubid = p.oid
     where p.pubname = $1
       and p.pubupdate
    union
    -- Rows of a partitioned table are in its partitions.
    select p.root, i.inhrelid from published p join pg_inherits i on i.inhparent = p.oid
)
select distinct s.nspname::text as schema, t.relname::text as name
  from published p
  join pg_class c on c.oid = p.oid and c.relkind = 'r'
  join pg_class t on t.oid = p.root
  join pg_namespace s on s.oid = t.relnamespace
 where c.relreplident = 'n'
    or (c.relreplident = 'd'
        and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary and i.indimmediate and i.indisvalid))
    or (c.relreplident = 'i'
        and not exists (select from pg_index i where i.indrelid = c.oid and i.indisreplident and i.indisvalid))
 order by 1, 2
