-- Whether there is a job; where the time is given, one that was made then.
-- $1 bigint job, $2 timestamptz or null
select id from every_job where id = $1 and ($2::timestamptz is null or created_at = $2)
