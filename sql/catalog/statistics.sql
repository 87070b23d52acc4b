-- What the planner knows of some columns. Of a partitioned table, and of one that others inherit from, what holds for all.
-- $1 oid[]  tables
-- $2 text[] columns
-- Result: one row for each column with statistics that the role may see. `distinct_values` as in pg_stats: below 0 it
-- is a fraction of the rows.
select distinct on (c.oid, s.attname)
       c.oid as table_oid,
       s.attname as name,
       s.null_frac::float8 as null_fraction,
       s.n_distinct::float8 as distinct_values,
       (s.most_common_vals::text::text[])[1] as commonest,
       s.most_common_freqs[1]::float8 as commonest_fraction
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_stats s on s.schemaname = n.nspname and s.tablename = c.relname
 where c.oid = any($1)
   and s.attname = any($2)
 order by c.oid, s.attname, s.inherited desc
