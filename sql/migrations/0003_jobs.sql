-- What a person may ask of jobs, ids that sinks give, pauses by hand.

-- Sent even if the sink holds the same document already.
alter table job add column forced boolean not null default false;
-- The finished job that this one takes up again, and its attempt that is replayed, if it is one.
alter table job add column replay_of bigint;
alter table job add column replay_attempt smallint;
-- Attempts that were made to see whether a sink is back; they use up nothing of the budget.
alter table job add column spared smallint not null default 0;
-- When its holder claimed it.
alter table job add column claimed_at timestamptz;

alter table finished_job add column forced boolean not null default false;
alter table finished_job add column replay_attempt smallint;
-- A dead letter is closed by the job that delivered something newer.
alter table finished_job add column superseded_at timestamptz;
alter table finished_job add column superseded_by bigint;
create index finished_job_open on finished_job (route, key) where state in ('failed', 'dead') and superseded_at is null;

-- What the sink calls the subject, where it chose the name.
alter table state add column remote_id text;

-- It is to take on nothing new, finish what there is, and leave.
alter table worker add column draining boolean not null default false;

-- Syncs and sinks that rest because a person said so.
create table pause (
    kind  text        not null check (kind in ('sync', 'sink')),
    name  text        not null,
    since timestamptz not null,
    primary key (kind, name)
);
