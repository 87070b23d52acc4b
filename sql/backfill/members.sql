-- The subjects of a chunk, as jobs that have no row: each with a number of its own, and one for its next delivery.
-- $1 bigint chunk
-- Result: the columns of queue/claim.sql, and the backfill
select c.backfill, nextval('job_id_seq') as id, k.key, 0 as touched, 0::smallint as attempts, 0::smallint as spared, b.changed_at,
       c.created_at, nextval('delivery_version') as version, null::bigint as sent_version, null::bytea as sent_digest,
       c.uncertain, 3::smallint as priority, false as asked, b.forced,
       s.route is not null as known, s.digest as accepted_digest, s.remote_id,
       extract(epoch from now() - s.delivered_at)::float8 as delivered_seconds
  from chunk c
  join backfill b on b.id = c.backfill
 cross join unnest(c.keys) with ordinality as k(key, at)
  left join state s on s.route = c.route and s.key = k.key
 where c.id = $1
 order by k.at
