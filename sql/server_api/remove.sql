-- server_api.remove: jobs.remove for the HTTP API, which signals the returned channels after its commit.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.remove
-- Raises: as jobs.remove
create or replace function server_api.remove(
    _job_id bigint, _actor text, _reason text, _request_id text default null) returns json
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select jobs.remove(_job_id, _actor, _reason, _request_id) $$;
