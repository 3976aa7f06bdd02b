-- server_api.cancel: jobs.cancel_tree for the HTTP API, which signals the returned channels after its commit.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.cancel_tree
-- Raises: as jobs.cancel_tree
create or replace function server_api.cancel(
    _job_id bigint, _actor text, _reason text, _children boolean default false) returns json
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select jobs.cancel_tree(_job_id, _actor, _reason, _children) $$;
