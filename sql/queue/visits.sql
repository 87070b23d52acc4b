-- The visits that wait, the most urgent first.
-- $1 smallint[] routes that are configured, $2 bigint most
select id, routes, priority, xid, horizon
  from visit
 where routes && $1
 order by priority, id
 limit $2
