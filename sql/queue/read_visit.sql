-- $1 bigint visit
select kind, node, argument, last_key, priority, changed_at from visit where id = $1
