-- For one statement that mends something: it may take as long as it needs, but does not wait long for others.
-- $1 text  how long it may wait for a lock
select set_config('statement_timeout', '0', false), set_config('lock_timeout', $1, false)
