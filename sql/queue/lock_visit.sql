-- One visit, locked to write down a step. No row: another process has it or has taken that step.
-- $1 bigint visit, $2 text last key as it was read, or null
select id from visit where id = $1 and last_key is not distinct from $2 for update skip locked
