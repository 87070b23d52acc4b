-- What the sink holds now. The lock on the job that is being settled keeps other writers away.
-- $1 smallint route, $2 text[] keys, $3 bytea[] digests, $4 bigint[] versions, $5 boolean whether to note the time
insert into state (route, key, digest, version, delivered_at)
select $1, s.key, s.digest, s.version, case when $5 then now() end
  from unnest($2::text[], $3::bytea[], $4::bigint[]) as s(key, digest, version)
    on conflict (route, key) do update
   set digest = excluded.digest, version = excluded.version, delivered_at = excluded.delivered_at
