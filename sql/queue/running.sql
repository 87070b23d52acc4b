-- What runs, route by route; those of syncs that are no longer configured too.
-- Result: `running` is null before a route has worked.
select id, sync, sink, fingerprint, running from route order by sync, sink
