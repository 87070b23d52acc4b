-- $1 smallint route, $2 text reason
update route set paused = $2 where id = $1
