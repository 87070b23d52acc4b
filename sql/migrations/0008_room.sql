-- Every job is claimed once at least. With room for the second version of each row on its own page, a claim touches no index.
alter table job set (fillfactor = 45);
