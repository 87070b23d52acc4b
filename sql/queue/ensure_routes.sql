-- Makes the routes that are new.
-- $1 text[] syncs, $2 text[] sinks, in pairs
insert into route (sync, sink)
select p.sync, p.sink
  from unnest($1::text[], $2::text[]) as p(sync, sink)
 where not exists (select from route r where r.sync = p.sync and r.sink = p.sink)
    on conflict do nothing
returning id
