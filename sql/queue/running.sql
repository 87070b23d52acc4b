-- What makes the documents that are being sent, by route; those of routes that have never worked are left out.
select id, running from route where running is not null
