-- server_api.pause_queue: jobs.set_paused for the command line and the HTTP API.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.set_paused
-- Raises: OWN02 {"queue"}
create or replace function server_api.pause_queue(_queue text, _actor text, _reason text) returns void
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select jobs.set_paused(_queue, true, _actor, _reason) $$;
