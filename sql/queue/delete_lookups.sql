-- Look-ups of a route that a visit of all its subjects makes needless.
-- $1 smallint route
delete from visit where route = $1 and kind = 'lookup'
