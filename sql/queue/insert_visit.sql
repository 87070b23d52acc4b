-- $1 smallint[] routes, $2 text kind, $3 text node or null, $4 jsonb argument or null, $5 bigint xid or null,
-- $6 bigint horizon or null, $7 text last key or null, $8 smallint priority, $9 timestamptz commit time or null
insert into visit (routes, kind, node, argument, xid, horizon, last_key, priority, changed_at, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, now())
