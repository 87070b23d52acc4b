-- Published tables without a replica identity, or with one that has generated columns that are not published: Postgres
-- rejects updates and deletes of their rows. It does not mind generated columns before version 18.
-- $1 text publication
with recursive published (root, oid, unpublished) as (
    select r.prrelid,
           r.prrelid,
           -- The kinds of generated columns that are not published. What a list leaves out is another matter.
           case when current_setting('server_version_num')::int < 180000 or to_jsonb(r) ->> 'prattrs' is not null then ''
                when to_jsonb(p) ->> 'pubgencols' = 's' then 'v'
                else 'vs'
           end
      from pg_publication p
      join pg_publication_rel r on r.prpubid = p.oid
     where p.pubname = $1
       and p.pubupdate
    union
    -- Rows of a partitioned table are in its partitions.
    select p.root, i.inhrelid, p.unpublished from published p join pg_inherits i on i.inhparent = p.oid
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
    or exists (select
                 from pg_attribute a
                where a.attrelid = c.oid
                  and a.attnum > 0
                  and not a.attisdropped
                  and a.attgenerated <> ''
                  and strpos(p.unpublished, a.attgenerated::text) > 0
                  and (c.relreplident = 'f'
                       or exists (select
                                    from pg_index i
                                   where i.indrelid = c.oid
                                     and case c.relreplident when 'd' then i.indisprimary else i.indisreplident end
                                     and a.attnum = any(i.indkey::int2[]))))
 order by 1, 2
