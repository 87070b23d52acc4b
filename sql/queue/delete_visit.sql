-- $1 bigint visit
delete from visit where id = $1
