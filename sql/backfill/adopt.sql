-- Visits of all subjects, as processes of an older version made them, are backfills now.
-- $1 smallint route
with visits as (
    delete from visit where route = $1 and kind in ('all', 'known') returning *
)
insert into backfill (route, cause, walk, reconcile, xid, horizon, changed_at, last_key, created_at, begun_at, run_at)
select route, 'resync', case kind when 'all' then 'source' else 'known' end, false, xid, horizon, changed_at, last_key,
       created_at, case when begun then created_at end, now()
  from visits
 order by id
