-- One visit, locked for one step. No row: another process has it, or it is done.
-- $1 bigint visit
select id, routes, kind, node, argument, last_key, priority, changed_at
  from visit
 where id = $1
   for update skip locked
