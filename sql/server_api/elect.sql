-- server_api.elect: true if this connection leads the named loop, for as long as the connection lives.
-- Caller: onewriter_server
-- Writes: nothing
-- Raises: nothing
create or replace function server_api.elect(_loop text) returns boolean
    language sql security definer
    set search_path = pg_catalog, pg_temp
as $$
    -- Asking twice on one connection must not count twice, or the lock would outlive one release.
    select exists (select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() and granted
                      and database = (select oid from pg_database where datname = current_database())
                      and classid = hashtext('onewriter')::oid and objid = hashtext(_loop)::oid and objsubid = 2)
        or pg_try_advisory_lock(hashtext('onewriter'), hashtext(_loop))
$$;
