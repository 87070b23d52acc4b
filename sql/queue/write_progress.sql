-- Raises progress. No row: it belongs to another server or timeline by now, or has lost what this reader had committed.
-- $1 text slot, $2 bigint system identifier, $3 integer timeline, $4 pg_lsn, $5 pg_lsn as this reader committed it last,
-- $6 timestamptz when what was read up to was written; null for now
update progress
   set lsn = greatest(lsn, $4), updated_at = now(), read_at = coalesce($6, now())
 where slot = $1
   and system_identifier = $2
   and timeline = $3
   and lsn >= $5
