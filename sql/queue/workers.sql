-- Workers, those with expired leases too.
select id, owner, expires_at < now() as expired from worker
