-- $1 text kind, $2 text name. No row: it did not rest.
delete from pause where kind = $1 and name = $2
returning to_char(since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as since
