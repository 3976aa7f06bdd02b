-- server_api.request_run: jobs.request_run for the HTTP API.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.request_run
-- Raises: as jobs.request_run
create or replace function server_api.request_run(_name text, _request text) returns json
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select jobs.request_run(_name, _request::jsonb) $$;
