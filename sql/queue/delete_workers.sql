-- Gives up workers that are surely gone; their jobs can be claimed at once.
-- $1 bigint[] workers
delete from worker where id = any($1)
