-- server_api.put_schedule: jobs.put_schedule for the command line and the HTTP API.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.put_schedule
-- Raises: OWK03 {"schedule"}, OWS02 {"revision"}, OWV01 {"field", "message"}
create or replace function server_api.put_schedule(
    _name text, _definition text, _expected bigint, _actor text, _reason text, _request_id text) returns json
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select jobs.put_schedule(_name, _definition::jsonb, _expected, _actor, _reason, _request_id) $$;
