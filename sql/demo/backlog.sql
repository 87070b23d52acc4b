-- What the engine still has to do.
-- Result: active jobs, and those among them that a worker has in hand
select count(*) as jobs,
       count(*) filter (where worker is not null) as held
  from walsift.job
