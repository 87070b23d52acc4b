-- Rebuilds, the ended ones that are still on record too, and how far they are.
select b.id, b.sync, b.sink, b.target, b.swap, b.swapping, b.replaced, b.problem, b.outcome,
       b.started_at, b.ended_at,
       b.loaded_at is not null as loaded,
       load.visited, load.estimate,
       case when b.ended_at is null then (select count(*) from job j where j.route = b.route) else 0 end as jobs,
       case when b.ended_at is null
            then (select count(*) from finished_job f
                   where f.route = b.route and f.state in ('failed', 'dead') and f.superseded_at is null)
            else 0 end as given_up
  from rebuild b
  left join lateral (
    select f.visited, f.estimate
      from backfill f
     where f.route = b.route and f.cause in ('first', 'resync') and b.ended_at is null
     order by f.id desc
     limit 1
  ) as load on true
 order by b.id
