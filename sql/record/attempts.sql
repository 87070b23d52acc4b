-- $1 bigint[] jobs, $2 smallint[] numbers, $3 timestamptz[] starts, $4 timestamptz[] ends, $5 text[] outcomes,
-- $6 text[] classes, $7 smallint[] statuses, $8 boolean[] certain, $9 text[] messages, $10 text[] operations,
-- $11 bigint[] versions, $12 bytea[] digests
-- One whose number is taken is left out: that is the highest there is.
insert into attempt (job, number, started_at, finished_at, outcome, class, status, certain, message, operation, version, digest)
select * from unnest($1::bigint[], $2::smallint[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::text[],
                     $7::smallint[], $8::boolean[], $9::text[], $10::text[], $11::bigint[], $12::bytea[])
    on conflict do nothing
