-- Forgets finished jobs of some states, and their attempts, a few at a time.
-- $1 text[] states, $2 float8 seconds that they are kept, $3 bigint most
with old as (
    select id
      from finished_job
     where state = any($1)
       and finished_at < now() - make_interval(secs => $2)
     order by finished_at
     limit $3
       for update skip locked
), attempts as (
    delete from attempt where job in (select id from old)
)
delete from finished_job where id in (select id from old)
