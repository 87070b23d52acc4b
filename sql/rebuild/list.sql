-- Rebuilds, the ended ones that are still on record too, and how far they are. Not counted are jobs and visits of those that are over.
select b.id, b.sync, b.sink, b.target, b.swap, b.swapping, b.replaced, b.problem, b.outcome,
       b.started_at, b.ended_at,
       b.loaded_at is not null as loaded,
       case when b.ended_at is null then (select count(*) from job j where j.route = b.route) else 0 end as jobs,
       case when b.ended_at is null
            then (select count(*) from finished_job f
                   where f.route = b.route and f.state in ('failed', 'dead') and f.superseded_at is null)
            else 0 end as given_up
  from rebuild b
 order by b.id
