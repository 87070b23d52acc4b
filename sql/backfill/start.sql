-- Makes a backfill, unless one that has not begun will find whatever this one would.
-- $1 smallint route, $2 text cause, $3 text walk, $4 boolean whether what the source has no more comes after it,
-- $5 text condition or null, $6 boolean whether what is equal is sent, $7 float8 most subjects a second, or null,
-- $8 bigint xid or null, $9 bigint horizon or null, $10 timestamptz commit time or null, $11 float8 seconds over which
-- it is spread, or null
insert into backfill (route, cause, walk, reconcile, condition, forced, rate, xid, horizon, changed_at, spread, created_at, run_at)
select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, now(), now()
 where $3 = 'keys'
    or $5::text is not null
    or $8::bigint is not null
    or not exists (
        select from backfill b
         where b.route = $1 and b.finished_at is null and b.begun_at is null and b.paused_at is null
           and b.condition is null and b.xid is null
           and (b.walk = $3 or (b.walk = 'source' and b.reconcile and $3 = 'known'))
           and (b.reconcile or not $4)
           and (b.forced or not $6)
           and ((b.rate is null and b.spread is null) or coalesce($7::float8, $11::float8) is not null)
           and coalesce(b.horizon, 0) >= coalesce($9::bigint, 0)
       )
returning id
