-- server_api.remove_schedule: jobs.remove_schedule for the command line and the HTTP API.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.remove_schedule
-- Raises: OWN05 {"schedule"}, OWS01 {"schedule", "source"}, OWS02 {"revision"}
create or replace function server_api.remove_schedule(
    _name text, _expected bigint, _actor text, _reason text, _request_id text) returns json
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select jobs.remove_schedule(_name, _expected, _actor, _reason, _request_id) $$;
