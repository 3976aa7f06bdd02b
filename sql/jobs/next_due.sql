-- jobs.next_due: seconds until a session should look for the next scheduled job of its queues; null if there is none.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.idle_sessions
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
    -- The eldest session with a free slot looks in time. The others are its net and look twice as late each as the one
    -- before, up to a heartbeat: what they cost together hardly grows with their number. Eight are as good as many.
    select count(*) into _elder
      from (select from jobs.idle_sessions(_queues) as i(id) where i.id < _session limit 8) as elder;
    return greatest(0, round(extract(epoch from _at - clock_timestamp())::numeric, 4))
           + case _elder when 0 then 0 else least(0.025 * 2 ^ _elder, 5) end;
end
$$;
