-- server_api.discard_events: jobs.discard_events for the command line and the HTTP API.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.discard_events
-- Raises: as jobs.discard_events
create or replace function server_api.discard_events(
    _consumer text, _ids bigint[], _task text, _actor text, _reason text, _request_id text) returns json
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select json_build_object('discarded', jobs.discard_events(_consumer, _ids, _task, _actor, _reason, _request_id)) $$;
