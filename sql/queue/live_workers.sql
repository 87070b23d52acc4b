-- How many workers there are whose lease has not run out.
select count(*) as workers from worker where expires_at > now()
