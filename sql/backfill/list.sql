-- Backfills, the newest first.
-- $1 smallint[] routes, $2 boolean whether those too that are over, $3 bigint[] only these, or null, $4 bigint most
select b.id, r.sync, r.sink, b.cause, b.walk, b.reconcile, b.condition, b.forced, b.rate, b.estimate, b.visited, b.sent, b.left_over,
       b.error,
       case when b.outcome is not null then b.outcome
            when b.paused_at is not null then 'paused'
            when b.begun_at is null then 'pending'
            else 'running' end as state,
       (select coalesce(sum(cardinality(c.keys)), 0) from chunk c where c.backfill = b.id) as in_hand,
       to_char(b.created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as created_at,
       to_char(b.finished_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as finished_at,
       extract(epoch from coalesce(b.finished_at, now()) - b.begun_at)::float8 as seconds
  from backfill b
  join route r on r.id = b.route
 where b.route = any($1)
   and (b.finished_at is null or $2)
   and ($3::bigint[] is null or b.id = any($3))
 order by b.id desc
 limit $4
