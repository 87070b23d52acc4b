-- What subjects of a route may still be waiting for before they have a job.
-- $1 smallint route, $2 text slot
select (select lsn from progress where slot = $2) as lsn,
       (select min(id) from visit where route = $1) as first_visit,
       (select max(id) from visit where route = $1) as last_visit,
       exists (select from backfill
                where route = $1 and finished_at is null and cause in ('first', 'resync', 'change')) as is_visited,
       exists (select from pause p
                 join route r on (p.kind, p.name) in (('sync', r.sync), ('sink', r.sink))
                where r.id = $1) as rests
