-- $1 integer rebuild, $2 text why it is not swapped, null for nothing, $3 float8 seconds until it is tried again
-- Result: whether that is news; no row if there was nothing and is nothing
update rebuild b
   set problem = $2,
       retry_at = case when $2::text is not null then now() + make_interval(secs => $3) end
  from (select id, problem from rebuild where id = $1) as before
 where b.id = before.id
   and (before.problem is not null or $2::text is not null)
returning before.problem is distinct from $2::text as is_news
