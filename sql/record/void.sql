-- Nobody knows what the sink holds: the next document is sent whatever it is.
-- $1 smallint route, $2 text[] keys, $3 bigint[] versions, $4 text[] ids that the sink gave, or null, $5 boolean whether to
-- take those; the ones on record stay otherwise
insert into state (route, key, digest, version, remote_id)
select $1, s.key, null, s.version, s.remote_id
  from unnest($2::text[], $3::bigint[], $4::text[]) as s(key, version, remote_id)
    on conflict (route, key) do update
   set digest = null, version = greatest(state.version, excluded.version),
       remote_id = case when $5 then excluded.remote_id else state.remote_id end
