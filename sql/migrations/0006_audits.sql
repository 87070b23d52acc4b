-- The last audit of each route, and how far it has come.
create table audit (
    route       smallint    primary key,
    -- The same for all routes of one command.
    begun_at    timestamptz not null,
    -- Where it is: at what the state knows, at what the source has beyond that, at what the sink has beyond both, or at the end.
    walk        text        not null check (walk in ('known', 'source', 'sink', 'end')),
    -- The last key it has looked at, as it stands in a job.
    last_key    text        collate "C",
    -- What it has found so far: counts, and some keys of each kind.
    found       jsonb       not null,
    updated_at  timestamptz not null
) with (fillfactor = 50);
