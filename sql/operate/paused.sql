-- What rests of a kind, whether it is still configured or not.
-- $1 text kind
select name from pause where kind = $1 order by name
