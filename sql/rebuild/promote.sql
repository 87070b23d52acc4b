-- Gives the route of a rebuild the name of the sink.
-- $1 integer rebuild
update route r set sink = b.sink from rebuild b where b.id = $1 and r.id = b.route
