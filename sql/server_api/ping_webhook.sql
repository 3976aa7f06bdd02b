-- server_api.ping_webhook: jobs.ping_webhook for the command line and the HTTP API.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.ping_webhook
-- Raises: OWN08 {"webhook"}
create or replace function server_api.ping_webhook(_name text, _actor text, _reason text, _request_id text) returns json
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select jobs.ping_webhook(_name, _actor, _reason, _request_id) $$;
