-- operator_api.run_schedule_now: runs a schedule once, now; audited, the scheduler is signalled. Answers the run.
-- Caller: onewriter_dba
-- Writes: nothing
-- Calls: jobs.request_run
-- Raises: as jobs.request_run
create or replace function operator_api.run_schedule_now(
    name text, reason text, args jsonb default null, force boolean default false) returns bigint
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
    select (jobs.request_run(name, jsonb_build_object(
                'actor', session_user, 'reason', reason, 'args', args, 'force', force)) ->> 'run_id')::bigint
$$;
