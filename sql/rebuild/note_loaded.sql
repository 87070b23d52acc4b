-- Takes note of whether all subjects of the first load have become jobs; a later visit of all of them is as good as a first one.
-- Nothing has while no process that knows of the rebuild has read the slot.
-- $1 integer rebuild, $2 text fingerprint of this process, $3 text slot
-- Result: a row if that has changed
update rebuild b
   set loaded_at = case when now.loaded then clock_timestamp() end
  from (
    select b.id,
           r.fingerprint = $2
           and exists (select from progress p where p.slot = $3 and b.route = any(p.routes))
           and not exists (select from visit v where v.route = b.route and v.kind in ('all', 'known')) as loaded
      from rebuild b
      join route r on r.id = b.route
     where b.id = $1
 ) as now
 where b.id = now.id
   and (b.loaded_at is not null) <> now.loaded
returning b.loaded_at is not null as loaded
