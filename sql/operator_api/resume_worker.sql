-- operator_api.resume_worker: hands out jobs to a drained worker (host/name) again; audited.
-- Caller: onewriter_dba
-- Writes: nothing
-- Calls: jobs.set_draining, jobs.worker_named
-- Raises: OWN04 {"worker"}
create or replace function operator_api.resume_worker(worker text, reason text) returns void
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select jobs.set_draining(jobs.worker_named(worker), false, session_user, reason) $$;
