-- $1 smallint route
delete from tally where route = $1
