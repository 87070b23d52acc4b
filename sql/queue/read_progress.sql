-- $1 text slot
select system_identifier, lsn from progress where slot = $1
