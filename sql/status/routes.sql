-- Every route with its jobs. A held job runs; any other waits, `failing` if it has failed before. Of those that were given up
-- only the ones that wait for a person.
select r.id, r.sync, r.sink, r.paused,
       to_char(y.since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as sync_paused_since,
       to_char(k.since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as sink_paused_since,
       coalesce(a.pending, 0) as pending,
       coalesce(a.running, 0) as running,
       coalesce(a.failing, 0) as failing,
       a.oldest_seconds,
       coalesce(f.failed, 0) as failed,
       coalesce(f.dead, 0) as dead
  from route r
  left join pause y on y.kind = 'sync' and y.name = r.sync
  left join pause k on k.kind = 'sink' and k.name = split_part(r.sink, '>', 1)
  left join (
    select route,
           count(*) filter (where worker is null) as pending,
           count(*) filter (where worker is not null) as running,
           count(*) filter (where attempts > 0) as failing,
           extract(epoch from now() - min(created_at))::float8 as oldest_seconds
      from job
     group by route
  ) a on a.route = r.id
  left join (
    select route,
           count(*) filter (where state = 'failed') as failed,
           count(*) filter (where state = 'dead') as dead
      from finished_job
     where state in ('failed', 'dead')
       and superseded_at is null
     group by route
  ) f on f.route = r.id
 where r.standing <> 'retired'
 order by r.sync, r.sink
