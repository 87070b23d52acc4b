-- Nobody knows what the sink holds: the next document is sent whatever it is.
-- $1 smallint route, $2 text[] keys, $3 bigint[] versions
insert into state (route, key, digest, version)
select $1, s.key, null, s.version
  from unnest($2::text[], $3::bigint[]) as s(key, version)
    on conflict (route, key) do update
   set digest = null, version = greatest(state.version, excluded.version)
