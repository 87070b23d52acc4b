-- $1 text sync, $2 text reason or null
update route set paused = $2 where sync = $1 and paused is distinct from $2
