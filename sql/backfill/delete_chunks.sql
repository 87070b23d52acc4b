-- $1 bigint[] chunks
delete from chunk where id = any($1)
