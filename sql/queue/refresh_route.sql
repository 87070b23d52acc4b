-- Moves the clock of a route if its period is over, or starts it. Who moved it holds the row's lock until its visits are made.
-- Locks and writes nothing where the time has not come.
-- $1 smallint route, $2 float8 seconds of the period
-- Result: whether the period is over; no row if nothing was moved
update route
   set refreshed_at = now()
  from (
    select refreshed_at
      from route
     where id = $1
       and (refreshed_at is null or refreshed_at + make_interval(secs => $2) <= now())
       for update
  ) as before
 where id = $1
returning before.refreshed_at is not null as is_over
