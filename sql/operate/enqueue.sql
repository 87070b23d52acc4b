-- Makes a job for each subject that has none. One that has an active job keeps that, unchanged.
-- $1 smallint route, $2 text[] keys, each once, in their order, $3 smallint priority, $4 boolean whether it is sent even if the sink
-- holds it, $5 timestamptz when they are due, or null for now
-- Result: for each key its active job, and whether that is new
insert into job (route, key, priority, run_at, created_at, asked, forced)
select $1, s.key, $3, coalesce($5, now()), now(), true, $4
  from unnest($2::text[]) as s(key)
    -- Changes nothing, but tells which job it is.
    on conflict (route, key) do update set route = excluded.route
returning id, key, xmax = 0 as is_new
