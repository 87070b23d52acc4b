-- Lets a sync or a sink rest. One that rests already goes on resting since then.
-- $1 text kind, $2 text name
insert into pause (kind, name, since) values ($1, $2, now())
    on conflict (kind, name) do update
   set since = pause.since
returning to_char(since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as since,
          xmax = 0 as is_new
