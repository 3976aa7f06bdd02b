-- jobs.terminate: ends the backend of a worker's session that keeps its row locked past its lease.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.end_backend, jobs.worker_backends
-- Raises: 42501 where the owner was not granted pg_signal_backend
create or replace function jobs.terminate(_session bigint) returns boolean
    language sql
    set search_path = pg_catalog, jobs, pg_temp
as $$
    -- A pid may have been given to another backend since: that one began after the session was seen last.
    select coalesce(bool_or(jobs.end_backend(w.pid, w.started, 'lease')), false)
      from jobs.session as s join jobs.worker_backends() as w
           on w.pid = s.backend_pid and w.login = s.login and w.started <= s.last_seen_at
     where s.id = _session
$$;
