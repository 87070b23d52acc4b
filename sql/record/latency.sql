-- How long a delivery of a route typically takes, by the last ones that are on record.
-- $1 smallint route, $2 bigint how many
select percentile_cont(0.5) within group (order by extract(epoch from last.finished_at - last.started_at))::float8 as seconds
  from (select a.started_at, a.finished_at
          from finished_job f
          join attempt a on a.job = f.id
         where f.route = $1
           and a.outcome = 'delivered'
         order by f.finished_at desc
         limit $2) as last
