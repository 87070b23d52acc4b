-- $1 smallint route, $2 text fingerprint
update route set fingerprint = $2 where id = $1
