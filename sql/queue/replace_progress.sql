-- Begins anew, for a slot that was made anew: from here on nobody has mapped changes for any route.
-- $1 text slot, $2 bigint system identifier, $3 pg_lsn
insert into progress (slot, system_identifier, lsn, updated_at)
values ($1, $2, $3, now())
    on conflict (slot) do update
   set system_identifier = excluded.system_identifier,
       lsn = excluded.lsn,
       routes = excluded.routes,
       updated_at = excluded.updated_at
