-- Whether the engine has nothing left to do for the changes that it has read.
select not exists (select from walsift.job) and not exists (select from walsift.visit)
