-- Asks nobody any more.
update worker set draining = false where draining
