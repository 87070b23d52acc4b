-- Progress only rises, whoever writes it.
-- $1 text slot, $2 bigint system identifier, $3 pg_lsn
insert into progress (slot, system_identifier, lsn, updated_at)
values ($1, $2, $3, now())
    on conflict (slot) do update
   set lsn = greatest(progress.lsn, excluded.lsn),
       updated_at = excluded.updated_at
 where progress.system_identifier = excluded.system_identifier
returning lsn
