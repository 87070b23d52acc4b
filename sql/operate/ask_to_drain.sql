-- Asks the workers there are to finish what there is and to leave, or those of some processes once more: one that lost its
-- lease has come back as another worker.
-- $1 text[] owners, null for all
-- Result: the processes that are still there
with asked as (
    update worker
       set draining = true
     where not draining and expires_at > now() and ($1::text[] is null or owner = any($1))
)
select distinct owner from worker where expires_at > now() and ($1::text[] is null or owner = any($1))
