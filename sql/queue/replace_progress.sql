-- Begins anew, for a slot that was made anew: from here on nobody has mapped changes for any route.
-- $1 text slot, $2 bigint system identifier, $3 integer timeline, $4 pg_lsn
insert into progress (slot, system_identifier, timeline, lsn, updated_at, read_at)
values ($1, $2, $3, $4, now(), now())
    on conflict (slot) do update
   set system_identifier = excluded.system_identifier,
       timeline = excluded.timeline,
       lsn = excluded.lsn,
       routes = excluded.routes,
       updated_at = excluded.updated_at,
       read_at = excluded.read_at
