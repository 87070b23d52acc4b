-- Goes on past all versions that may have been given and forgotten since, as after a failover or a restore: a sequence is
-- no safer than the commits that it was used in. A million is minutes of them.
select setval('delivery_version',
              greatest(nextval('delivery_version') + 1000000, (extract(epoch from now()) * 1000)::bigint))
