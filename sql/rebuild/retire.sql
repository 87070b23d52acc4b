-- Retires a route, under a name that no other one gets. What is pending for it is not done.
-- $1 text sync, $2 text sink
update route set standing = 'retired', sink = sink || ' (retired ' || id || ')' where sync = $1 and sink = $2
