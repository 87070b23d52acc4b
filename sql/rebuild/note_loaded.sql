-- Takes note of whether every subject of the first load has been visited; a later visit of all of them is as good as a first one. Nothing
-- has while no process that knows of the rebuild has read the slot, nor ever if somebody has canceled it.
-- $1 integer rebuild, $2 text fingerprint of this process, $3 text slot
-- Result: a row if that has changed
update rebuild b
   set loaded_at = case when now.loaded then clock_timestamp() end
  from (
    select b.id,
           r.fingerprint = $2
           and exists (select from progress p where p.slot = $3 and b.route = any(p.routes))
           -- What was done long ago is no longer on record.
           and case when load.id is null then b.loaded_at is not null else load.outcome = 'done' end as loaded
      from rebuild b
      join route r on r.id = b.route
      left join lateral (
        select f.id, coalesce(f.outcome, '') as outcome
          from backfill f
         where f.route = b.route and f.cause in ('first', 'resync')
         order by f.id desc
         limit 1
      ) as load on true
     where b.id = $1
 ) as now
 where b.id = now.id
   and (b.loaded_at is not null) <> now.loaded
returning b.loaded_at is not null as loaded
