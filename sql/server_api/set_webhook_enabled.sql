-- server_api.set_webhook_enabled: jobs.set_webhook_enabled for the command line and the HTTP API.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.set_webhook_enabled
-- Raises: OWN08 {"webhook"}
create or replace function server_api.set_webhook_enabled(
    _name text, _enabled boolean, _actor text, _reason text, _request_id text) returns json
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select jobs.set_webhook_enabled(_name, _enabled, _actor, _reason, _request_id) $$;
