-- $1 text slot
select system_identifier, timeline, lsn, routes from progress where slot = $1
