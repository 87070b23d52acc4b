-- The routes that are retired, and whether the reader still makes jobs for them.
select r.id, exists (select from progress p where r.id = any(p.routes)) as mapped from route r where r.standing = 'retired'
