-- server_api.elect: true if this connection leads the named loop, for as long as the connection lives.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.leader, jobs.require_armed
-- Raises: as jobs.require_armed
create or replace function server_api.elect(_loop text, _environment text default null) returns boolean
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
begin
    perform jobs.require_armed(_environment);
    -- Asking twice on one connection must not count twice, or the lock would outlive one release.
    return jobs.leader(_loop) is not distinct from pg_backend_pid()
        or pg_try_advisory_lock(hashtext('onewriter'), hashtext(_loop));
end
$$;
