-- jobs.unpark: makes the first place of each lock ready again if it was parked, and says which queues to signal.
-- Caller: internal
-- Writes: procrastinate.procrastinate_jobs.gate
-- Raises: nothing
create or replace function jobs.unpark(_locks text[]) returns text[]
    language plpgsql
    set search_path = pg_catalog, procrastinate, pg_temp
as $$
declare
    _lock text;
    _queue text;
    _queues text[] := '{}';
begin
    -- Sorted, so that two transactions take the rows in one order.
    for _lock in select distinct l from unnest(_locks) as l where l is not null order by l loop
        update procrastinate_jobs as j set gate = 1
         where j.id = (select f.id from procrastinate_jobs as f
                        where f.lock = _lock and f.status = 'todo' and (f.gate <> 2 or f.claim_no > 0)
                        order by f.priority desc, f.id limit 1)
           and j.status = 'todo' and j.gate = 3
        returning j.queue_name into _queue;
        if found then
            _queues := _queues || _queue;
        end if;
    end loop;
    return _queues;
end
$$;
