-- server_api.require_armed: jobs.require_armed for the API, which enqueues nothing where it is refused.
-- Caller: onewriter_server, onewriter_handler
-- Writes: nothing
-- Calls: jobs.require_armed
-- Raises: as jobs.require_armed
create or replace function server_api.require_armed(_environment text) returns void
    language sql stable security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select jobs.require_armed(_environment) $$;
