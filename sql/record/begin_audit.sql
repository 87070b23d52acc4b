-- $1 smallint route, $2 timestamptz when the audit began that this is a part of, or null for now, $3 jsonb what it begins with
insert into audit (route, begun_at, walk, found, updated_at)
values ($1, coalesce($2, now()), 'known', $3, now())
    on conflict (route) do update
   set begun_at = excluded.begun_at, walk = excluded.walk, last_key = null, found = excluded.found,
       updated_at = excluded.updated_at
returning begun_at
