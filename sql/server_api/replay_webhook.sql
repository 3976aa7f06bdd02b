-- server_api.replay_webhook: jobs.replay_webhook for the command line and the HTTP API.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.replay_webhook
-- Raises: OWN02 {"delivery"}, OWN08 {"webhook"}, OWS01 {"status"}
create or replace function server_api.replay_webhook(
    _name text, _delivery bigint, _since timestamptz, _actor text, _reason text, _request_id text) returns json
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select jobs.replay_webhook(_name, _delivery, _since, _actor, _reason, _request_id) $$;
