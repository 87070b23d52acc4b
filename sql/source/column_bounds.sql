-- What a column list of some tables may hold and what it must: Postgres rejects updates and deletes of a table whose list does
-- not cover its replica identity. So lists hold whatever can become it without more ado.
-- $1 oid[] tables
-- Result: `listable`: whether there can be a list at all. Not of tables with partitions or heirs, where each can have an
-- identity of its own, nor where whole old rows are the identity. `may` in the order of the table.
select c.oid as table_oid,
       c.relkind = 'r'
           and not exists (select from pg_inherits i where c.oid in (i.inhrelid, i.inhparent))
           and exists (select from pg_index i
                        where i.indrelid = c.oid
                          and case c.relreplident when 'd' then i.indisprimary and i.indimmediate
                                                  when 'i' then i.indisreplident and i.indisvalid
                                                  else false end) as listable,
       array(select a.attname::text
               from pg_attribute a
              where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
              order by a.attnum) as may,
       array(select distinct a.attname::text
               from pg_index i
              cross join unnest(i.indkey::int2[]) with ordinality as k(attnum, ord)
               join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
              where i.indrelid = c.oid
                and k.ord <= i.indnkeyatts
                and (i.indisreplident or i.indisprimary
                     or i.indisunique and i.indimmediate and i.indpred is null
                        and not exists (select
                                          from unnest(i.indkey::int2[]) with ordinality as n(attnum, ord)
                                          left join pg_attribute b
                                            on b.attrelid = i.indrelid and b.attnum = n.attnum and b.attnotnull
                                         where n.ord <= i.indnkeyatts and b.attnum is null))) as must
  from pg_class c
 where c.oid = any($1)
 order by c.oid
