-- What is in hand is finished by those who have it.
-- $1 bigint backfill
-- Result: no row if it is over
update backfill set finished_at = now(), outcome = 'canceled' where id = $1 and finished_at is null returning id
