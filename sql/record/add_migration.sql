-- $1 integer number, $2 text name
insert into migration (number, name, applied_at) values ($1, $2, now())
