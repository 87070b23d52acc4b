-- What a person may ask of jobs, ids that sinks give, pauses by hand.

-- A person asked for it: it is kept when it is over, however it ends.
alter table job add column asked boolean not null default false;
-- Sent even if the sink holds the same document already.
alter table job add column forced boolean not null default false;
-- The finished job that this one takes up again, and its attempt that is replayed, if it is one.
alter table job add column replay_of bigint;
alter table job add column replay_attempt smallint;
-- Attempts that were made to see whether a sink is back; they use up nothing of the budget.
alter table job add column spared smallint not null default 0;
-- When its holder claimed it.
alter table job add column claimed_at timestamptz;

alter table finished_job add column asked boolean not null default false;
alter table finished_job add column forced boolean not null default false;
alter table finished_job add column replay_attempt smallint;
-- Why nothing was sent in the end, if nothing was.
alter table finished_job add column suppressed text;
-- A dead letter is closed by the job that delivered something newer.
alter table finished_job add column superseded_at timestamptz;
alter table finished_job add column superseded_by bigint;
create index finished_job_open on finished_job (route, key) where state in ('failed', 'dead') and superseded_at is null;

-- What is kept of active and of finished jobs alike, for people. A job waits, too, if the lease of its holder has run out.
-- `since` is when an active job was made, and when a finished one came to its end.
create view every_job as
select j.id, j.route, j.key, true as active,
       case when exists (select from worker w where w.id = j.worker and w.expires_at > now())
            then 'running' else 'pending' end as state,
       j.attempts, j.asked, j.forced, j.replay_of, j.replay_attempt, j.changed_at, j.created_at, j.run_at,
       null::timestamptz as finished_at, j.created_at as since, null::text as suppressed,
       null::timestamptz as superseded_at, null::bigint as superseded_by
  from job j
 union all
select f.id, f.route, f.key, false,
       f.state,
       f.attempts, f.asked, f.forced, f.replay_of, f.replay_attempt, f.changed_at, f.created_at, null,
       f.finished_at, f.finished_at, f.suppressed,
       f.superseded_at, f.superseded_by
  from finished_job f;

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
