-- $1 smallint route, $2 jsonb what makes the documents that are being sent
update route set running = $2 where id = $1
