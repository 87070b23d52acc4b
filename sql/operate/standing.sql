-- What is known of a subject for one of its sinks, and about which version comes next.
-- $1 text sync, $2 text sink, $3 text key
select s.version as accepted_version, s.digest as accepted_digest, s.remote_id,
       j.id as job, j.created_at, coalesce(j.forced, false) as forced,
       coalesce(j.uncertain or j.worker is not null
                and not exists (select from worker w where w.id = j.worker and w.expires_at > now()), false) as uncertain,
       j.sent_version, j.sent_digest,
       v.last_value + 1 as next_version
  from delivery_version v
  left join route r on r.sync = $1 and r.sink = $2
  left join state s on s.route = r.id and s.key = $3
  left join job j on j.route = r.id and j.key = $3
