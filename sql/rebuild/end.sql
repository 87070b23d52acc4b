-- $1 integer rebuild, $2 text outcome
-- Result: what the name of the sink led to before
update rebuild
   set ended_at = now(), outcome = $2, swapping = false, problem = null, retry_at = null
 where id = $1
returning replaced
