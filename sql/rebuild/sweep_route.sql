-- $1 smallint route
delete from route r
 where id = $1
   and standing = 'retired'
   and not exists (select from tally where route = r.id)
   and not exists (select from finished_job where route = r.id)
