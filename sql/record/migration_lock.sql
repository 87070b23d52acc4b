-- One process at a time migrates, sets up the slot and makes routes. Let go at the end of the transaction.
-- $1 text schema
select pg_advisory_xact_lock(hashtextextended('walsift:' || $1, 0))
