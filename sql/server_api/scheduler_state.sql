-- server_api.scheduler_state: of /readyz: ok, disabled (somebody leads, and fires no schedules) or nobody leads.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.leader
-- Raises: nothing
create or replace function server_api.scheduler_state() returns text
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
    -- Who leads and fires holds both locks on one connection: nothing has to be written, and nothing can be out of date.
    select case when jobs.leader('scheduler') is null then 'nobody leads'
                when jobs.leader('schedules') is null then 'disabled'
                else 'ok' end
$$;
