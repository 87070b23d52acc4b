-- The last rebuild that was begun, whatever became of it; 0 before the first.
select coalesce(max(id), 0) as id from rebuild
