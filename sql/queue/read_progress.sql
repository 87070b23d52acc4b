-- $1 text slot
select system_identifier, lsn, routes from progress where slot = $1
