-- Whether something may still be sent for the route that a rebuild replaces. A worker whose lease has run out sends nothing.
-- $1 integer rebuild
select exists (select from job j join worker w on w.id = j.worker where j.route = r.id and w.expires_at > now())
       or exists (select from chunk c join worker w on w.id = c.worker where c.route = r.id and w.expires_at > now()) as held
  from rebuild b
  join route r on (r.sync, r.sink) = (b.sync, b.sink)
 where b.id = $1
