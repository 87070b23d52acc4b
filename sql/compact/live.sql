-- How many rows a table has, counted up to a limit, and about what they take.
-- {table}; $1 bigint most
select count(*) as rows, coalesce(sum(pg_column_size(kept.*)), 0)::bigint as bytes
  from (select * from {table} limit $1) as kept
