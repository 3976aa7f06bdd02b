-- jobs.terminate_login: ends every backend of a worker's login in this database.
-- Caller: internal
-- Writes: nothing
-- Raises: 42501 where the owner was not granted pg_signal_backend
create or replace function jobs.terminate_login(_login name) returns integer
    language sql
    set search_path = pg_catalog, pg_temp
as $$
    -- Only backends of workers, and never the one that asks.
    select count(*) filter (where pg_terminate_backend(a.pid))::integer from pg_stat_activity as a
     where a.usename = _login and a.datname = current_database() and a.pid <> pg_backend_pid()
       and pg_has_role(a.usename, 'onewriter_worker', 'USAGE')
$$;
