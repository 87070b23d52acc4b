-- What is left to do for syncs that can work, and whether there is a process that goes on with it. Not counted: what a person
-- wants to be done later, and nobody has tried.
-- $1 text[] syncs
with own as (
    select id from route where sync = any($1) and paused is null and standing = 'open'
)
select (select count(*)
          from job
         where route in (select id from own)
           and not (asked and attempts = 0 and run_at > now())) as jobs,
       (select coalesce(sum(cardinality(keys)), 0) from chunk where route in (select id from own)) as in_chunks,
       (select count(*) from visit where route in (select id from own)) as visits,
       (select count(*) from backfill where route in (select id from own) and finished_at is null) as backfills,
       exists (select from worker where expires_at > now() and not draining) as is_continued
