-- server_api.retry: jobs.retry for the HTTP API, which signals the returned channels after its commit.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.retry
-- Raises: as jobs.retry
create or replace function server_api.retry(_job_id bigint, _actor text, _reason text) returns json
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select jobs.retry(_job_id, _actor, _reason) $$;
