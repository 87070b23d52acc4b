-- Schemas that have a table that is wanted, and that this role may not use.
-- $1 text[] schemas or null for those on the search path, $2 text[] tables
select distinct s.nspname::text as schema
  from unnest($1::text[], $2::text[]) as wanted(schema, name)
  join pg_class c on c.relname = wanted.name
  join pg_namespace s on s.oid = c.relnamespace
 where not has_schema_privilege(s.oid, 'usage')
   and (s.nspname = wanted.schema
        or wanted.schema is null
           and s.nspname = any(string_to_array(replace(current_setting('search_path'), ' ', ''), ',')))
 order by 1
