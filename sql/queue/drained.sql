-- Whether a process that drains may leave: nothing is left of the routes that it works on, those left out that by now are sent in
-- another shape. Beside a process that goes on, nothing that was there when this one stopped reading. Not counted: what a person
-- wants to be done later, and nobody has tried; and what a backfill has not come to, as the next process goes on with it.
-- $1 smallint[] routes, $2 text[] fingerprints of this process, $3 timestamptz when it stopped reading, null for now
with own as (
    select r.id
      from unnest($1::smallint[], $2::text[]) as o(route, fingerprint)
      join route r on r.id = o.route and r.fingerprint = o.fingerprint and r.standing = 'open'
), bound as (
    select case
             when exists (select from worker where expires_at > now() and not draining) then coalesce($3, now())
             else 'infinity'
           end as made_up_to
)
select now() as looked_at,
       not exists (select from job
                    where route in (select id from own)
                      and created_at <= made_up_to
                      and not (asked and attempts = 0 and run_at > now()))
       and not exists (select from visit where route in (select id from own) and created_at <= made_up_to)
       and not exists (select from chunk where route in (select id from own) and created_at <= made_up_to) as is_over
  from bound
