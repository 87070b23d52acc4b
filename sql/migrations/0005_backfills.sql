-- Subjects that are visited without a job for each.

-- A walk over the subjects of a route, in the order of their keys, a chunk at a time.
create table backfill (
    id          bigint      generated always as identity primary key,
    route       smallint    not null,
    -- For people: first, resync, change, refresh, asked.
    cause       text        not null,
    -- Where it is: at keys that somebody gave, at what the source has, at what the state knows, at what of that the source has
    -- no more, or at the end, where its last chunks are worked on.
    walk        text        not null check (walk in ('keys', 'source', 'known', 'missing', 'end')),
    -- After the source comes what it has no more.
    reconcile   boolean     not null,
    -- SQL of rows of the root table: which of them are visited; null for all.
    condition   text,
    -- Sent even if the sink holds the same document already.
    forced      boolean     not null default false,
    -- Most subjects a second; null for as many as go.
    rate        float8      check (rate > 0),
    -- Seconds over which it is to be spread; the rate comes of it when it begins.
    spread      float8      check (spread > 0),
    -- The transaction that must be visible before.
    xid         bigint,
    -- No transaction as old as this may still be running.
    horizon     bigint,
    changed_at  timestamptz,
    -- The last key visited, as it stands in a job; of keys that were given, the number of the last page.
    last_key    text        collate "C",
    -- Subjects in all, as far as is known.
    estimate    bigint,
    visited     bigint      not null default 0,
    sent        bigint      not null default 0,
    -- Those that became a job: they failed, or had to wait.
    left_over   bigint      not null default 0,
    created_at  timestamptz not null,
    -- When its subjects were asked for the first time.
    begun_at    timestamptz,
    -- Later than now after a chunk, where there is a rate, and after one that failed.
    run_at      timestamptz not null,
    -- Why it cannot go on at present.
    error       text,
    paused_at   timestamptz,
    finished_at timestamptz,
    -- done, canceled, superseded
    outcome     text        check ((outcome is null) = (finished_at is null))
) with (fillfactor = 50);
create index backfill_open on backfill (route, id) where finished_at is null;

-- The keys that somebody gave, a page in a row.
create table backfill_page (
    backfill bigint  not null,
    number   integer not null,
    keys     text[]  collate "C" not null,
    primary key (backfill, number)
);

-- Subjects of a backfill that a worker has in hand. Until all of them are settled nobody claims a job of theirs.
create table chunk (
    id         bigint      generated always as identity primary key,
    backfill   bigint      not null,
    route      smallint    not null,
    keys       text[]      collate "C" not null,
    worker     bigint      not null,
    -- Lower than the number of any of its deliveries.
    version    bigint      not null,
    -- A worker was lost while it had it in hand: it may have sent something that nobody recorded.
    uncertain  boolean     not null default false,
    created_at timestamptz not null
) with (
    autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_cost_delay = 0
);
create index chunk_by_route on chunk (route);

-- A process that does not know of chunks would claim jobs of their subjects: beside one no chunk is begun.
alter table worker add column knows_chunks boolean not null default false;

insert into backfill (route, cause, walk, reconcile, xid, horizon, changed_at, last_key, created_at, begun_at, run_at)
select route, 'resync', case kind when 'all' then 'source' else 'known' end, false, xid, horizon, changed_at, last_key,
       created_at, case when begun then created_at end, now()
  from visit
 where kind in ('all', 'known')
 order by id;
delete from visit where kind in ('all', 'known');
