-- The rebuilds that stand.
select id, sync, sink, target, target_id, route from rebuild where ended_at is null order by id
