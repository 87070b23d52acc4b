-- Whether a sweep like this waits that has not begun.
-- $1 smallint[] routes, $2 text kind
select exists (select from visit where routes = $1 and kind = $2 and last_key is null and xid is null) as waits
