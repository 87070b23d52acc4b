-- Closes the route that a rebuild replaces: nothing more is claimed for it.
-- $1 integer rebuild, $2 text[] what the name of the sink leads to
with noted as (
    update rebuild set swapping = true, replaced = $2, problem = null, retry_at = null where id = $1 returning sync, sink
)
update route r set standing = 'closed' from noted where (r.sync, r.sink) = (noted.sync, noted.sink)
