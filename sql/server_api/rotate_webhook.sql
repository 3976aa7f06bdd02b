-- server_api.rotate_webhook: jobs.rotate_webhook for the command line and the HTTP API.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.rotate_webhook
-- Raises: OWN02 {"secret"}, OWN08 {"webhook"}, OWV01 {"field", "message"}
create or replace function server_api.rotate_webhook(
    _name text, _secret text, _actor text, _reason text, _request_id text) returns json
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select jobs.rotate_webhook(_name, _secret, _actor, _reason, _request_id) $$;
