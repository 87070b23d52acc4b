-- Opens the route again whose place could not be taken.
-- $1 integer rebuild
with noted as (
    update rebuild set swapping = false where id = $1 returning sync, sink
)
update route r set standing = 'open' from noted where (r.sync, r.sink) = (noted.sync, noted.sink)
