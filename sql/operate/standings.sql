-- What is known of subjects for one of their sinks; one row for each key, in no order.
-- $1 text sync, $2 text sink, $3 text[] keys
select k.key,
       s.digest, s.version, s.document, s.remote_id,
       j.id as job,
       coalesce(j.uncertain or j.worker is not null
                and not exists (select from worker w where w.id = j.worker and w.expires_at > now()), false) as uncertain
  from unnest($3::text[]) as k(key)
  left join route r on r.sync = $1 and r.sink = $2
  left join state s on s.route = r.id and s.key = k.key
  left join job j on j.route = r.id and j.key = k.key
