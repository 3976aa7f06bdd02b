-- jobs.next_due: seconds until a session should look for the next scheduled job of its queues; null if there is none.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.next_due(_session bigint, _queues text[]) returns numeric
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_seqscan = off set enable_bitmapscan = off set plan_cache_mode = force_generic_plan
as $$
declare
    _at timestamptz;
    _elder integer;
begin
    select j.scheduled_at into _at from procrastinate_jobs as j
     where j.status = 'todo' and j.gate = 2 and (_queues is null or j.queue_name = any (_queues))
     order by j.scheduled_at limit 1;
    if _at is null then
        return null;
    end if;
    -- The eldest session looks in time, the others a little later each: most find it taken by then and were not
    -- woken for nothing together.
    select least(count(*), 20) into _elder from jobs.session as s
     where s.id < _session and s.lost_at is null and s.closed_at is null
       and (s.queues is null or _queues is null or s.queues && _queues);
    return greatest(0, round(extract(epoch from _at - clock_timestamp())::numeric, 4)) + _elder * 0.05;
end
$$;
