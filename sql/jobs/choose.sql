-- jobs.choose: of locked candidates those to hand out, where locks, crashes, sizes or too many of them need a closer look.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.first_places
-- Raises: nothing
create or replace function jobs.choose(
    _candidates bigint[], _want integer, _free integer, out ids bigint[], out parked integer, out left_queues text[])
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
declare
    _locked bigint[];
    _first bigint[];
begin
    -- The best _want of them, cut where arguments pass 256 KB. A suspect (it was running when its worker died) goes
    -- alone or not at all; a job that waited in a lost worker is not prefetched again.
    select coalesce(array_agg(k.id order by k.n) filter (where k.taken), '{}'),
           coalesce(array_agg(k.id) filter (where k.taken and k.gate = 1), '{}'),
           array_agg(distinct k.queue_name::text) filter (where not k.taken)
      into ids, _locked, left_queues
      from (select c.*, c.n <= _want and (c.bytes <= 262144 or c.n = 1)
                   and (c.n = 1 or coalesce(c.first_crashes, 0) = 0 and coalesce(c.crashes, 0) = 0
                                   and (c.crashes is null or c.n <= _free)) as taken
              from (select j.id, j.gate, j.crashes, j.queue_name, row_number() over best as n,
                           sum(pg_column_size(j.args)) over best as bytes,
                           first_value(j.crashes) over best as first_crashes
                      from procrastinate_jobs as j where j.id = any (_candidates)
                    window best as (order by j.priority desc, j.id)) as c) as k;
    parked := 0;
    if _locked <> '{}' then
        select p.ids, p.parked into _first, parked from jobs.first_places(_locked) as p;
        ids := array(select i from unnest(ids) with ordinality as t(i, n)
                      where i <> all (_locked) or i = any (_first) order by n);
    end if;
end
$$;
