-- What people have said since, as far as a worker has to know it at once.
-- $1 bigint worker
-- Result: whether it is to drain, the routes that rest, those that another one takes the place of, and those with a backfill that is
-- not finished
select coalesce((select draining from worker where id = $1), false) as draining,
       array(select r.id
               from route r
              where exists (select
                              from pause p
                             where (p.kind, p.name) in (('sync', r.sync), ('sink', split_part(r.sink, '>', 1))))) as resting,
       array(select r.id from route r where r.standing <> 'open') as closed,
       array(select distinct b.route from backfill b where b.finished_at is null and b.paused_at is null
              union
             select c.route from chunk c) as backfilled
