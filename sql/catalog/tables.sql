-- The tables that a configuration names, in its order.
-- $1 text[]  names, quoted, with a schema or without one
-- Result: one row for each name; everything but `ord` is null where there is no such table.
select n.ord,
       c.oid,
       s.nspname as schema,
       c.relname as name,
       c.relkind::text as kind,
       c.relpersistence::text as persistence,
       c.relreplident::text as identity,
       greatest(c.reltuples, 0)::float8 as rows
  from unnest($1::text[]) with ordinality as n(name, ord)
  left join pg_class c on c.oid = to_regclass(n.name)
  left join pg_namespace s on s.oid = c.relnamespace
 order by n.ord
