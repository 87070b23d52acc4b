-- Locks jobs that are due and that nobody holds, the most urgent first; of each priority the longest waiting.
-- $1 smallint route, $2 bigint most
select j.id
  from (values (0::smallint), (1), (2)) as p(priority)
 cross join lateral (
    select id
      from job
     where route = $1
       and priority = p.priority
       and run_at <= now()
       and (worker is null
            or not exists (select from worker w where w.id = job.worker and w.expires_at > now()))
     order by run_at
     limit $2
       for update skip locked
 ) as j
 limit $2
