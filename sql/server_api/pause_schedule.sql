-- server_api.pause_schedule: jobs.set_schedule_paused for the command line and the HTTP API.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.set_schedule_paused
-- Raises: OWN05 {"schedule"}
create or replace function server_api.pause_schedule(
    _name text, _actor text, _reason text, _request_id text) returns json
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select jobs.set_schedule_paused(_name, true, _actor, _reason, _request_id) $$;
