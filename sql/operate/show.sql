-- A job, who holds it, and what its sink accepted last of its subject.
-- $1 bigint job
select j.*, r.sync, r.sink, last.class, last.status, last.message,
       b.priority, b.spared, b.uncertain, b.claimed_at, w.id as worker, w.owner, w.expires_at, w.expires_at <= now() as expired,
       s.route is not null as known, s.version, s.digest, s.remote_id
  from every_job j
  join route r on r.id = j.route
  left join job b on b.id = j.id
  left join worker w on w.id = b.worker
  left join state s on s.route = j.route and s.key = j.key
  left join lateral (
    select a.class, a.status, a.message from attempt a where a.job = j.id order by a.number desc limit 1
  ) as last on true
 where j.id = $1
