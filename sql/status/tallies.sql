select route, name, value from tally order by route, name
