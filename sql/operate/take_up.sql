-- Makes new jobs of finished ones, linked to them. A subject that has an active job keeps that, unchanged; of several jobs of
-- one subject the last is taken up.
-- $1 bigint[] finished jobs, $2 text[] their states that are taken up, $3 boolean whether what they send is sent even if the sink
-- holds it, $4 boolean whether they are linked to a try, $5 smallint the try, or null for the last, $6 smallint priority
-- Result: for each, the active job of its subject, and whether that is the new one
with old as (
    select f.id, f.route, f.key, last.number as attempt,
           row_number() over (partition by f.route, f.key order by f.id desc) = 1 as is_last
      from finished_job f
      left join lateral (
        select a.number
          from attempt a
         where a.job = f.id
           and $4
           and ($5::smallint is null or a.number = $5)
         order by a.number desc
         limit 1
      ) as last on true
     where f.id = any($1)
       and f.state = any($2)
       and ($5::smallint is null or last.number is not null)
), made as (
    insert into job (route, key, priority, run_at, created_at, asked, forced, replay_of, replay_attempt)
    select route, key, $6, now(), now(), true, $3, id, attempt
      from old
     where is_last
     order by route, key
        -- Changes nothing, but tells which job it is.
        on conflict (route, key) do update set route = excluded.route
    returning id, route, key, xmax = 0 as is_new
)
select old.id, made.id as job, made.is_new and old.is_last as is_new
  from old
  join made on made.route = old.route and made.key = old.key
