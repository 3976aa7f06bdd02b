-- operator_api.pause_schedule: a schedule fires no more until it is resumed; what runs goes on; audited.
-- Caller: onewriter_dba
-- Writes: nothing
-- Calls: jobs.set_schedule_paused
-- Raises: OWN05 {"schedule"}
create or replace function operator_api.pause_schedule(name text, reason text) returns void
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select from jobs.set_schedule_paused(name, true, session_user, reason, null) $$;
