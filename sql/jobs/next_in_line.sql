-- jobs.next_in_line: the channel of another session with a free slot, if more jobs of these queues are due; or null.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.idle_sessions
-- Raises: nothing
create or replace function jobs.next_in_line(_session bigint, _queues text[]) returns text
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_seqscan = off set enable_bitmapscan = off set plan_cache_mode = force_generic_plan
as $$
begin
    if not exists (select from procrastinate_jobs as j
                    where j.status = 'todo' and j.gate = 2 and j.scheduled_at <= clock_timestamp()
                      and (_queues is null or j.queue_name = any (_queues))) then
        return null;
    end if;
    return (select 'ow_w_' || i.id from jobs.idle_sessions(_queues) as i(id) where i.id <> _session limit 1);
end
$$;
