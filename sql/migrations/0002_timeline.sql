-- A position is bound to the timeline of the server, too; 0 where it was written before this was kept.
alter table progress add column timeline integer not null default 0;

-- When what was read up to was written, as far as is known.
alter table progress add column read_at timestamptz;
