-- jobs.terminate: ends the backend of a worker's session that keeps its row locked past its lease.
-- Caller: internal
-- Writes: nothing
-- Raises: 42501 where the owner was not granted pg_signal_backend
create or replace function jobs.terminate(_session bigint) returns boolean
    language sql
    set search_path = pg_catalog, jobs, pg_temp
as $$
    -- A cancel would not reach a backend that waits for its client to read. Only backends of workers, never another.
    select coalesce(bool_or(pg_terminate_backend(a.pid)), false)
      from jobs.session as s join pg_stat_activity as a on a.pid = s.backend_pid and a.usename = s.login
     where s.id = _session and a.datname = current_database() and pg_has_role(a.usename, 'onewriter_worker', 'MEMBER')
$$;
