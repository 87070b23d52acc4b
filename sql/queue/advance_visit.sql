-- $1 bigint visit, $2 text last key
update visit set last_key = $2 where id = $1
