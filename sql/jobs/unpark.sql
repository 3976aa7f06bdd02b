-- jobs.unpark: makes the first place of each lock ready again if it was parked, and says which queues to signal.
-- Caller: internal
-- Writes: procrastinate.procrastinate_jobs.gate
-- Raises: nothing
create or replace function jobs.unpark(_locks text[]) returns text[]
    language plpgsql
    set search_path = pg_catalog, procrastinate, pg_temp
    set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
    set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
    _firsts bigint[];
    _queues text[];
begin
    _firsts := array(select f.id from (select distinct k from unnest(_locks) as k) as l cross join lateral
                            (select w.id, w.gate from procrastinate_jobs as w
                              where w.lock = l.k and w.status = 'todo' and (w.gate <> 2 or w.claim_no > 0)
                              order by w.priority desc, w.id limit 1) as f
                      where f.gate = 3);
    -- By id, so that two transactions take the rows in one order.
    with ready as (
        update procrastinate_jobs as j set gate = 1
         where j.id = any (_firsts) and j.status = 'todo' and j.gate = 3
        returning j.queue_name
    )
    select array_agg(distinct r.queue_name::text) into _queues from ready as r;
    return coalesce(_queues, '{}');
end
$$;
