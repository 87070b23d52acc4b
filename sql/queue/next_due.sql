-- Seconds until a waiting job of some routes is due, null if none waits.
-- $1 smallint[] routes
select extract(epoch from min(j.run_at) - now())::float8 as seconds
  from unnest($1::smallint[]) as r(route)
 cross join (values (0::smallint), (1), (2), (3)) as p(priority)
 cross join lateral (
    select run_at
      from job
     where route = r.route and priority = p.priority and run_at > now()
     order by run_at
     limit 1
 ) as j
