-- A visit that cannot go on at present.
-- $1 bigint visit, $2 float8 seconds
update visit
   set run_at = now() + make_interval(secs => $2),
       -- Nothing is being asked for it any more.
       begun = begun and last_key is not null
 where id = $1
