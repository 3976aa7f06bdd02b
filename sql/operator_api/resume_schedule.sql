-- operator_api.resume_schedule: ends a schedule's pause; what was due meanwhile is passed over; audited.
-- Caller: onewriter_dba
-- Writes: nothing
-- Calls: jobs.set_schedule_paused
-- Raises: OWN05 {"schedule"}
create or replace function operator_api.resume_schedule(name text, reason text) returns void
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select from jobs.set_schedule_paused(name, false, session_user, reason, null) $$;
