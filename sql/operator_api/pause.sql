-- operator_api.pause: stops handing out jobs of a queue; what runs goes on; audited.
-- Caller: onewriter_dba
-- Writes: nothing
-- Calls: jobs.set_paused
-- Raises: OWN02 {"queue"}
create or replace function operator_api.pause(queue text, reason text) returns void
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select jobs.set_paused(queue, true, session_user, reason) $$;
