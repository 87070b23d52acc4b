-- Claims jobs that `lock_due` has locked. A statement of its own, so that its snapshot is younger than the locks: what
-- the last holder recorded is in it.
-- $1 bigint[] jobs, $2 bigint worker
update job j
   set worker = $2,
       claimed_at = now(),
       version = nextval('delivery_version'),
       uncertain = j.uncertain or j.worker is not null
  from job b
  left join state s on s.route = b.route and s.key = b.key
 where j.id = any($1)
   and b.id = j.id
returning j.id, j.route, j.key, j.touched, j.attempts, j.spared, j.changed_at, j.created_at, j.version, j.sent_version,
          j.sent_digest, j.uncertain, j.priority, j.asked, j.forced,
          s.route is not null as known, s.digest as accepted_digest, s.remote_id,
          extract(epoch from now() - s.delivered_at)::float8 as delivered_seconds
