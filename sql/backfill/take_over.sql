-- Takes over a chunk that `lock_orphan` has locked, but for what is settled: a subject of which the sink has accepted something
-- since, or that has become a job.
-- $1 bigint chunk, $2 bigint worker
-- Result: how many subjects are left
update chunk c
   set worker = $2, uncertain = true,
       keys = array(select k.key
                      from unnest(c.keys) with ordinality as k(key, at)
                     where not exists (select from job j where j.route = c.route and j.key = k.key)
                       and not exists (select from state s
                                        where s.route = c.route and s.key = k.key
                                          and s.version > c.version and s.digest is not null)
                     order by k.at)
 where c.id = $1
returning cardinality(keys) as subjects
