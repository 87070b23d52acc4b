-- Those of some routes that nobody has retired, and nobody retires before the end of the transaction.
-- $1 smallint[] routes
select id from route where id = any($1) and standing <> 'retired' for share
