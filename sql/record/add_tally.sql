-- $1 smallint[] routes, $2 text[] names, $3 bigint[] how many more
insert into tally (route, name, value)
select t.route, t.name, t.value
  from unnest($1::smallint[], $2::text[], $3::bigint[]) as t(route, name, value)
 order by t.route, t.name
    on conflict (route, name) do update
   set value = tally.value + excluded.value
