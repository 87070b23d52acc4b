-- How many visits of a route there are for a process, counted up to a limit. None while another shape of the document is being
-- sent, as with jobs: a process that knows other ways to its subjects would not find them all.
-- $1 smallint route, $2 text fingerprint of this process, $3 bigint limit
select count(*) as waiting
  from (select
          from visit v
          join route r on r.id = v.route
         where v.route = $1 and r.fingerprint = $2
         limit $3) as v
