-- Filling another index beside the one that a sink writes to, until it takes that one's place.

-- Nothing is claimed for a route that is closed: another one is about to take its place. What is left of one that is retired
-- goes away bit by bit, and so does the route.
alter table route add column standing text not null default 'open' check (standing in ('open', 'closed', 'retired'));

create table rebuild (
    id         integer     generated always as identity primary key,
    sync       text        not null,
    sink       text        not null,
    -- What is filled, by its name and by what the server calls it: one that is made anew under that name is another one.
    target     text        not null,
    target_id  text        not null,
    -- Its jobs and state stand under this number, which becomes that of the sink.
    route      smallint    not null,
    -- Whether it takes the place of the other as soon as it can.
    swap       boolean     not null,
    started_at timestamptz not null,
    -- When all subjects of its first load had become jobs.
    loaded_at  timestamptz,
    -- The swap is under way: the route that is replaced is closed.
    swapping   boolean     not null default false,
    -- What the name of the sink led to before.
    replaced   text[]      not null default '{}',
    -- Why the swap could not be made, and when it is tried again.
    problem    text,
    retry_at   timestamptz,
    ended_at   timestamptz,
    outcome    text        check (outcome in ('swapped', 'canceled')),
    check ((outcome is null) = (ended_at is null))
);
create unique index rebuild_standing on rebuild (sync, sink) where ended_at is null;
