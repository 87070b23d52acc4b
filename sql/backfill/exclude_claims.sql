-- Waits for claims of jobs of a route that are under way, and keeps others out until the end of the transaction: they would not
-- see which subjects are being taken into a chunk.
-- $1 smallint route
select pg_advisory_xact_lock(hashtextextended('walsift chunks:' || current_schema(), $1::smallint))
