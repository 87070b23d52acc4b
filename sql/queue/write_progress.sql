-- Raises progress. No row: it belongs to another server by now, or has lost what this reader had committed.
-- $1 text slot, $2 bigint system identifier, $3 pg_lsn, $4 pg_lsn as this reader committed it last
update progress
   set lsn = greatest(lsn, $3), updated_at = now()
 where slot = $1
   and system_identifier = $2
   and lsn >= $4
