-- The document that the sink accepted last, compressed with zlib; only where the sync keeps it.
alter table state add column document bytea;
-- It is compressed already.
alter table state alter column document set storage external;
