-- Locks the chunks that the worker still holds.
-- $1 bigint[] chunks, $2 bigint worker
select id from chunk where id = any($1) and worker = $2 order by id for update
