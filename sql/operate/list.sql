-- A page of jobs, active and finished, in the order in which they were made, with the error of the last try.
-- $1 smallint[] routes. The others let everything pass where they are null: $2 text[] states, $3 boolean whether active, $4 boolean
-- whether superseded, $5 text key, $6 text class of the last try's error, $7 and $8 float8 seconds since it was made or came to
-- its end, at least and less than
-- $9 and $10 bigint jobs between which they are, both excluded, $11 boolean whether the newest come first, $12 bigint most
-- To be prepared each time: the plan depends on which of them are null.
select j.*, r.sync, r.sink, last.class, last.status, last.message
  from every_job j
  join route r on r.id = j.route
  left join lateral (
    select a.class, a.status, a.message from attempt a where a.job = j.id order by a.number desc limit 1
  ) as last on true
 where j.route = any($1)
   and ($2::text[] is null or j.state = any($2))
   and ($3::boolean is null or j.active = $3)
   and ($4::boolean is null or (j.superseded_at is not null) = $4)
   and ($5::text is null or j.key = $5)
   and ($6::text is null or last.class = $6)
   and ($7::float8 is null or j.since <= now() - make_interval(secs => $7))
   and ($8::float8 is null or j.since > now() - make_interval(secs => $8))
   and j.id > $9
   and j.id < $10
 order by case when $11 then j.id end desc, case when not $11 then j.id end
 limit $12
