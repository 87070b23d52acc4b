-- Forgets finished jobs of a state, and their attempts, the oldest first, a few at a time. The arrays make for look-ups by
-- index whatever the planner makes of the limit.
-- $1 text state, $2 float8 seconds that they are kept, $3 bigint most, $4 timestamptz before which there are none: entries of
-- the index that vacuum may not remove yet need not be gone through again; null for from the beginning
-- Result: how many there were, and when the last of them was finished
with old as (
    select id, finished_at
      from finished_job
     where state = $1
       and finished_at >= coalesce($4::timestamptz, '-infinity')
       and finished_at < now() - make_interval(secs => $2)
     order by finished_at
     limit $3
       for update skip locked
), attempts as (
    delete from attempt where job = any(array(select id from old))
), jobs as (
    delete from finished_job where id = any(array(select id from old))
)
select count(*) as forgotten, max(finished_at) as last from old
