-- What stands between a rebuild and its swap.
-- A subject that changes without end may have its job for ever; what the index has accepted of it since counts.
-- $1 integer rebuild
-- Result: whether it is loaded; whether its first load was canceled; whether there is something left that was there when it was
-- loaded; how many subjects have been given up; whether its sync or sink rests because somebody said so
select b.loaded_at is not null as loaded,
       (select f.outcome
          from backfill f
         where f.route = b.route and f.cause in ('first', 'resync')
         order by f.id desc
         limit 1) is not distinct from 'canceled' as canceled,
       b.loaded_at is not null
       and (
           exists (select from visit v where v.route = b.route and v.created_at <= b.loaded_at)
           or exists (select from chunk c where c.route = b.route and c.created_at <= b.loaded_at)
           or exists (select from backfill f
                       where f.route = b.route and f.cause = 'change' and f.finished_at is null and f.created_at <= b.loaded_at)
           or exists (select
                        from job j
                        left join state s on s.route = j.route and s.key = j.key
                       where j.route = b.route
                         and j.created_at <= b.loaded_at
                         and not (j.asked and j.attempts = 0 and j.run_at > now())
                         and (j.touched = 0 or j.attempts > 0 or s.digest is null))
       ) as behind,
       (select count(*)
          from finished_job f
         where f.route = b.route and f.state in ('failed', 'dead') and f.superseded_at is null) as given_up,
       exists (select from pause p where (p.kind, p.name) in (('sync', b.sync), ('sink', b.sink))) as rests
  from rebuild b
 where b.id = $1
