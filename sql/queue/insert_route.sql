-- $1 text sync, $2 text sink, $3 text fingerprint
insert into route (sync, sink, fingerprint) values ($1, $2, $3) returning id
