-- Those of routes that are no more are left out.
-- $1 smallint[] routes, $2 text[] names, $3 bigint[] how many more
insert into tally (route, name, value)
select t.route, t.name, t.value
  from unnest($1::smallint[], $2::text[], $3::bigint[]) as t(route, name, value)
 where exists (select from route r where r.id = t.route)
 order by t.route, t.name
    on conflict (route, name) do update
   set value = tally.value + excluded.value
