-- What a concurrent build that failed has left behind: indexes of certain columns that nothing uses.
-- $1 oid        table
-- $2 smallint[] columns, in order
-- $3 boolean    unique
-- Result: for each the statement that removes it.
select format('drop index concurrently if exists %I.%I', s.nspname, c.relname) as statement
  from pg_index i
  join pg_class c on c.oid = i.indexrelid
  join pg_namespace s on s.oid = c.relnamespace
 where i.indrelid = $1
   and not i.indisvalid
   and i.indisunique = $3
   and i.indpred is null
   and i.indexprs is null
   and i.indnkeyatts = i.indnatts
   -- A vector counts from 0, so it equals no array.
   and (select array_agg(k.number order by k.ord) from unnest(i.indkey) with ordinality as k(number, ord)) = $2
   -- Those of a partitioned table are invalid while somebody attaches its parts one by one.
   and c.relkind = 'i'
 order by c.relname
