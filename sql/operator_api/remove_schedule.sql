-- operator_api.remove_schedule: deletes a schedule that no code publishes; its runs and open jobs stay; audited.
-- Caller: onewriter_dba
-- Writes: nothing
-- Calls: jobs.remove_schedule
-- Raises: OWN05 {"schedule"}, OWS01 {"schedule", "source"}
create or replace function operator_api.remove_schedule(name text, reason text) returns void
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select from jobs.remove_schedule(name, null, session_user, reason, null) $$;
