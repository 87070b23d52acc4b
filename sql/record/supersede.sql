-- Closes the dead letters of subjects whose sinks hold by now what they should.
-- $1 smallint route, $2 text[] keys, $3 bigint[] the jobs by which that was seen
update finished_job f
   set superseded_at = now(), superseded_by = s.job
  from unnest($2::text[], $3::bigint[]) as s(key, job)
 where f.route = $1
   and f.key = s.key
   and f.state in ('failed', 'dead')
   and f.superseded_at is null
