-- Until when jobs that `lock` has locked are held; null where nobody does. A statement of its own, so that its snapshot is
-- younger than the locks: a lease that was renewed meanwhile is in it.
-- $1 bigint[] jobs
select j.id, (select w.expires_at from worker w where w.id = j.worker and w.expires_at > now()) as until
  from job j
 where j.id = any($1)
