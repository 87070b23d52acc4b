-- Puts the rows of a table into a new file: one message, so that nobody has to come back to let go of the lock.
-- Does nothing if another process is at it or was quicker, or if there are more rows than that.
-- {table}, {lock_timeout}, {statement_timeout}, {bytes} that it took when somebody looked, {rows_max}
set local lock_timeout = '{lock_timeout}';
set local statement_timeout = '{statement_timeout}';
do $rebuild$
declare
    kept {table}[];
begin
    if not pg_try_advisory_xact_lock(hashtextextended('walsift compaction:' || current_schema(), 0)) then
        return;
    end if;
    lock table {table} in access exclusive mode;
    if pg_total_relation_size('{table}') < {bytes} then
        return;
    end if;
    kept := array(select t from {table} t limit {rows_max} + 1);
    if cardinality(kept) > {rows_max} then
        return;
    end if;
    truncate {table};
    insert into {table} overriding system value select k.* from unnest(kept) as k;
end
$rebuild$
