-- operator_api.resume: hands out jobs of a paused queue again; audited.
-- Caller: onewriter_dba
-- Writes: nothing
-- Calls: jobs.set_paused
-- Raises: OWN02 {"queue"}
create or replace function operator_api.resume(queue text, reason text) returns void
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select jobs.set_paused(queue, false, session_user, reason) $$;
