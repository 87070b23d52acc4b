-- Whether something may still be sent for the route that a rebuild replaces. A worker whose lease has run out sends nothing.
-- $1 integer rebuild
select exists (select
                 from rebuild b
                 join route r on (r.sync, r.sink) = (b.sync, b.sink)
                 join job j on j.route = r.id
                 join worker w on w.id = j.worker and w.expires_at > now()
                where b.id = $1) as held
