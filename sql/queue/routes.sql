-- All routes, those of syncs that are no longer configured too.
select id, sync, sink, fingerprint, configured, paused from route
