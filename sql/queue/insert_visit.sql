-- $1 smallint route, $2 text kind, $3 text node or null, $4 jsonb argument or null, $5 bigint xid or null,
-- $6 bigint horizon or null, $7 text last key or null, $8 smallint priority, $9 timestamptz commit time or null
insert into visit (route, kind, node, argument, xid, horizon, last_key, priority, changed_at, created_at, run_at)
select $1, $2, $3, $4, $5, $6, $7, $8, $9, now(), now()
-- One that stands where this one would begin will find whatever this one would find, unless the source is being asked for
-- it at this moment, with a snapshot that may be older.
 where $5::bigint is not null
    or not exists (
        select from visit v
         where v.route = $1 and v.kind = $2 and v.node is not distinct from $3 and v.argument is not distinct from $4
           and v.last_key is not distinct from $7 and not v.begun and v.xid is null
           and coalesce(v.horizon, 0) >= coalesce($6::bigint, 0)
       )
