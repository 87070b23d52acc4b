-- $1 integer rebuild, $2 text why it is not swapped, null for nothing, $3 float8 seconds until it is tried again
update rebuild
   set problem = $2,
       retry_at = case when $2::text is not null then now() + make_interval(secs => $3) end
 where id = $1
   and (problem is not null or $2::text is not null)
