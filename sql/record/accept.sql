-- What the sink holds now. The lock on the job that is being settled keeps other writers away.
-- $1 smallint route, $2 text[] keys, $3 bytea[] digests, $4 bigint[] versions, $5 boolean whether to note the time,
-- $6 text[] ids that the sink gave, or null, $7 boolean whether to take those; the ones on record stay otherwise,
-- $8 bytea[] the documents, compressed, or null
insert into state (route, key, digest, version, delivered_at, remote_id, document)
select $1, s.key, s.digest, s.version, case when $5 then now() end, s.remote_id, s.document
  from unnest($2::text[], $3::bytea[], $4::bigint[], $6::text[], $8::bytea[])
       as s(key, digest, version, remote_id, document)
    on conflict (route, key) do update
   set digest = excluded.digest, version = excluded.version, delivered_at = excluded.delivered_at,
       remote_id = case when $7 then excluded.remote_id else state.remote_id end, document = excluded.document
