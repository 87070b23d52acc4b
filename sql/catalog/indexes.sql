-- The indexes of some tables that can serve any look-up: valid, over all rows.
-- $1 oid[]  tables
select i.indrelid as table_oid,
       c.relname as name,
       i.indisprimary as is_primary,
       i.indisunique and i.indimmediate as is_unique,
       i.indisreplident as is_identity,
       -- Key columns in order; 0 stands for an expression.
       (select array_agg(k.attnum order by k.ord)
          from unnest(i.indkey::int2[]) with ordinality as k(attnum, ord)
         where k.ord <= i.indnkeyatts) as columns
  from pg_index i
  join pg_class c on c.oid = i.indexrelid
 where i.indrelid = any($1)
   and i.indisvalid
   and i.indpred is null
 order by i.indrelid, i.indisprimary desc, c.relname
