-- Whether a route has a visit of a kind, however far it has come.
-- $1 smallint route, $2 text kind
select exists (select from visit where route = $1 and kind = $2) as stands
