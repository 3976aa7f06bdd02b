-- server_api.run_now: jobs.run_now for the HTTP API, which signals the returned channels after its commit.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.run_now
-- Raises: as jobs.run_now
create or replace function server_api.run_now(
    _job_id bigint, _actor text, _reason text, _request_id text default null) returns json
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select jobs.run_now(_job_id, _actor, _reason, _request_id) $$;
