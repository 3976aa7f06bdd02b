-- server_api.put_webhook: jobs.put_webhook for the command line and the HTTP API.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.put_webhook
-- Raises: OWK05 {"webhook"}, OWS02 {"revision"}, OWV01 {"field", "message"}
create or replace function server_api.put_webhook(
    _name text, _definition text, _secret text, _expected bigint, _actor text, _reason text, _request_id text) returns json
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select jobs.put_webhook(_name, _definition::jsonb, _secret, _expected, _actor, _reason, _request_id) $$;
