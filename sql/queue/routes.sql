-- All routes, those of syncs that are no longer configured too; but for those that another one has taken the place of.
select id, sync, sink, fingerprint, configured, paused from route where standing <> 'retired'
