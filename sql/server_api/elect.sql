-- server_api.elect: true if this connection leads the named loop, for as long as the connection lives.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.require_armed
-- Raises: as jobs.require_armed
create or replace function server_api.elect(_loop text, _environment text default null) returns boolean
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
begin
    perform jobs.require_armed(_environment);
    -- Asking twice on one connection must not count twice, or the lock would outlive one release.
    return exists (select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and granted
                      and database = (select oid from pg_database where datname = current_database())
                      and classid = hashtext('onewriter')::oid and objid = hashtext(_loop)::oid and objsubid = 2)
        or pg_try_advisory_lock(hashtext('onewriter'), hashtext(_loop));
end
$$;
