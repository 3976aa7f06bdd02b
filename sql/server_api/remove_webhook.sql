-- server_api.remove_webhook: jobs.remove_webhook for the command line and the HTTP API.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.remove_webhook
-- Raises: OWN08 {"webhook"}, OWS02 {"revision"}
create or replace function server_api.remove_webhook(
    _name text, _expected bigint, _actor text, _reason text, _request_id text) returns json
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select jobs.remove_webhook(_name, _expected, _actor, _reason, _request_id) $$;
