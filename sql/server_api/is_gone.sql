-- server_api.is_gone: jobs.is_gone for the HTTP API and the command line: 410 instead of 404.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.is_gone
-- Raises: nothing
create or replace function server_api.is_gone(_job_id bigint) returns boolean
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select jobs.is_gone(_job_id) $$;
