-- Gives subjects of chunks a job of their own, in the hands of the worker as if it had claimed them. A change may have made a job
-- meanwhile, which nobody could claim: the two are one from then on.
-- $1 smallint route, $2 bigint worker, $3 bigint[] jobs, $4 text[] keys, in their order, $5 timestamptz[] commit times or null,
-- $6 timestamptz[] since when they are in hand, $7 bigint[] versions, $8 boolean[] whether something may have been sent that
-- nobody recorded, $9 boolean[] whether what is equal is sent
-- Result: the jobs, and whether a change had made them
insert into job (id, route, key, priority, run_at, changed_at, created_at, worker, claimed_at, version, uncertain, forced)
overriding system value
select m.id, $1, m.key, 3, now(), m.changed_at, m.created_at, $2, now(), m.version, m.uncertain, m.forced
  from unnest($3::bigint[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::bigint[], $8::boolean[], $9::boolean[])
       as m(id, key, changed_at, created_at, version, uncertain, forced)
    on conflict (route, key) do update
   set worker = excluded.worker, claimed_at = excluded.claimed_at, version = excluded.version,
       uncertain = job.uncertain or excluded.uncertain, forced = job.forced or excluded.forced
returning id, key, xmax <> 0 as changed
