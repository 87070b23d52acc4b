-- $1 bigint visit
select kind, node, argument, last_key, begun, priority, changed_at from visit where id = $1
