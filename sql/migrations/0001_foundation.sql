-- The state of Walsift. Every statement names its tables without a schema: the schema is the search path.

-- A route is one sync into one sink; its number stands in the rows of jobs and state.
create table route (
    id          smallint generated always as identity primary key,
    sync        text     not null,
    sink        text     not null,
    -- Stands for the shape of the documents that are being sent; empty before the first.
    fingerprint text     not null default '',
    -- What makes these documents, for comparing it with another configuration: {"build_sql", "ignore"}.
    running     jsonb,
    -- When every subject was visited last for no other reason than the time; null where that was never wanted.
    refreshed_at timestamptz,
    -- Stands for the sync as it was configured when it worked last; empty before the first time.
    configured  text     not null default '',
    -- Why nothing is done for it at present.
    paused      text,
    unique (sync, sink)
);

-- What has been done over the years, for people. Written about once a second; a crash loses the last second.
create table tally (
    route smallint not null references route,
    name  text     not null,
    value bigint   not null default 0,
    primary key (route, name)
) with (fillfactor = 50);

-- How far the changes of a slot have become jobs. Never behind what is confirmed to the source.
create table progress (
    slot              text        primary key,
    system_identifier bigint      not null,
    lsn               pg_lsn      not null,
    -- Those for which the reader maps changes.
    routes            smallint[]  not null default '{}',
    updated_at        timestamptz not null
) with (fillfactor = 50);

-- A process at work. Its jobs are its own until its lease expires.
create table worker (
    id         bigint      generated always as identity primary key,
    owner      text        not null,
    started_at timestamptz not null,
    expires_at timestamptz not null
) with (fillfactor = 50);

-- Numbers for deliveries, always rising. A number may be lost, never given twice, not even if this schema is dropped and
-- made again: sinks remember them. So they start at the milliseconds since 1970.
create sequence delivery_version as bigint;
select setval('delivery_version', (extract(epoch from now()) * 1000)::bigint);

-- The active jobs: at most one for each route and subject. Small and short-lived; what is finished goes elsewhere.
create table job (
    id           bigint      generated always as identity primary key,
    route        smallint    not null,
    key          text        not null collate "C",
    -- 0 high, 1 normal, 2 low; 3 below them all: visits of many subjects
    priority     smallint    not null check (priority between 0 and 3),
    run_at       timestamptz not null,
    -- Rises when the subject changes while a worker holds the job; the job then stays.
    touched      integer     not null default 0,
    -- Commit time of the oldest change that is not delivered; null if no change caused the job.
    changed_at   timestamptz,
    created_at   timestamptz not null,
    -- Failed ones so far.
    attempts     smallint    not null default 0,
    -- Who holds it.
    worker       bigint,
    -- The number for its next delivery, given with the claim.
    version      bigint,
    -- The last attempt on record, for which the same document keeps the same number.
    sent_version bigint,
    sent_digest  bytea       check (length(sent_digest) = 16),
    -- A worker was lost while it held the job: it may have sent something that nobody recorded.
    uncertain    boolean     not null default false,
    constraint job_active unique (route, key)
) with (
    fillfactor = 60,
    autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0
);
create index job_due on job (route, priority, run_at);

-- Jobs that are over and kept; never changed afterwards.
create table finished_job (
    id          bigint      primary key,
    route       smallint    not null references route,
    key         text        not null collate "C",
    state       text        not null check (state in ('succeeded', 'failed', 'dead', 'canceled')),
    attempts    smallint    not null,
    changed_at  timestamptz,
    created_at  timestamptz not null,
    finished_at timestamptz not null,
    -- The job that this one replays.
    replay_of   bigint
);
create index finished_job_by_state on finished_job (state, finished_at);
create index finished_job_by_subject on finished_job (route, key);

-- Tries at delivering, never rewritten.
create table attempt (
    job         bigint      not null,
    number      smallint    not null,
    started_at  timestamptz not null,
    finished_at timestamptz not null,
    outcome     text        not null check (outcome in ('delivered', 'retry', 'rejected')),
    class       text,
    status      smallint,
    -- Whether we know what the sink holds after it.
    certain     boolean     not null,
    message     text,
    operation   text        not null check (operation in ('upsert', 'delete')),
    version     bigint      not null,
    digest      bytea       check (length(digest) = 16),
    primary key (job, number)
);

-- What each sink accepted last. A null digest is void: nobody knows what the sink holds. One of zeros stands for a delete.
create table state (
    route       smallint not null,
    key         text     not null collate "C",
    digest      bytea    check (length(digest) = 16),
    version     bigint   not null,
    -- Only where deliveries must be some time apart.
    delivered_at timestamptz,
    primary key (route, key)
) with (
    fillfactor = 80,
    autovacuum_vacuum_scale_factor = 0.05
);

-- Subjects still to be turned into jobs: those of a transaction that is not visible yet, of a look-up that finds many,
-- of a sync that visits them all.
create table visit (
    id         bigint      generated always as identity primary key,
    route      smallint    not null,
    kind       text        not null check (kind in ('subjects', 'lookup', 'all', 'known')),
    -- subjects: their keys. lookup: the values, one JSON array for each column of the listener.
    node       text        check ((node is not null) = (kind = 'lookup')),
    argument   jsonb       check ((argument is not null) = (kind in ('subjects', 'lookup'))),
    -- The transaction that must be visible before.
    xid        bigint,
    -- No transaction as old as this may still be running.
    horizon    bigint,
    -- The last key visited, as it stands in a job.
    last_key   text        collate "C",
    -- Its subjects are being asked for, or have been.
    begun      boolean     not null default false,
    priority   smallint    not null check (priority between 0 and 3),
    changed_at timestamptz,
    created_at timestamptz not null,
    -- Later than now after a step that failed.
    run_at     timestamptz not null
);
create index visit_by_route on visit (route, priority, id);
