-- Forgets backfills that are over: those that a change caused after an hour, all others after a month; and the keys that were given
-- for any that is over. A few at a time.
with old as (
    select id
      from backfill
     where finished_at < now() - case cause when 'change' then interval '1 hour' else interval '30 days' end
       and not exists (select from chunk c where c.backfill = backfill.id)
     order by id
     limit 1000
), pages as (
    delete from backfill_page p using backfill b where b.id = p.backfill and b.finished_at is not null
)
delete from backfill where id in (select id from old)
