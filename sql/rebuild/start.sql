-- Begins a rebuild with a route of its own. What is on record of earlier ones of the same sink goes.
-- $1 text sync, $2 text sink, $3 text target, $4 text its id, $5 boolean whether it is swapped in
with earlier as (
    delete from rebuild where sync = $1 and sink = $2 and ended_at is not null
), beside as (
    insert into route (sync, sink) values ($1, $2 || '>' || $3) returning id
)
insert into rebuild (sync, sink, target, target_id, route, swap, started_at)
select $1, $2, $3, $4, id, $5, now() from beside
