-- Ends jobs without doing them; they are kept. Where a worker was lost with one in hand, nobody knows what the sink holds, and
-- what is built next of the subject is sent whatever it is.
-- $1 bigint[] jobs that nobody holds, locked
with gone as (
    delete from job where id = any($1) returning *
), voided as (
    insert into state (route, key, digest, version)
    select route, key, null, coalesce(version, 0) from gone where uncertain or worker is not null
        on conflict (route, key) do update
       set digest = null, version = greatest(state.version, excluded.version)
)
insert into finished_job (id, route, key, state, attempts, changed_at, created_at, finished_at,
                          asked, forced, replay_of, replay_attempt)
select id, route, key, 'canceled', attempts, changed_at, created_at, now(), asked, forced, replay_of, replay_attempt
  from gone
