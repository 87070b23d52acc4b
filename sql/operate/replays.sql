-- The jobs that take up a job again. They are of the same subject.
-- $1 smallint route, $2 text key, $3 bigint job
select id, state from every_job where route = $1 and key = $2 and replay_of = $3 order by id
