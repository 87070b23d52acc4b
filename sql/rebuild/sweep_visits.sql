-- $1 smallint route, $2 bigint most
delete from visit where id in (select id from visit where route = $1 limit $2 for update skip locked)
