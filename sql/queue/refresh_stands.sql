-- Whether a route has a backfill of the last period that is not finished.
-- $1 smallint route
select exists (select from backfill where route = $1 and cause = 'refresh' and finished_at is null) as stands
