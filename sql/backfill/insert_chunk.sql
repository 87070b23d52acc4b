-- $1 bigint backfill, $2 smallint route, $3 text[] keys, $4 bigint worker
insert into chunk (backfill, route, keys, worker, version, created_at)
values ($1, $2, $3, $4, nextval('delivery_version'), now())
returning id
