-- server_api.cancel: jobs.cancel for the HTTP API, which signals the returned channels after its commit.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.cancel
-- Raises: as jobs.cancel
create or replace function server_api.cancel(_job_id bigint, _actor text, _reason text) returns json
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select jobs.cancel(_job_id, _actor, _reason) $$;
