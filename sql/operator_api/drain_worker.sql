-- operator_api.drain_worker: stops handing out jobs to a worker (host/name); what it has it finishes; audited.
-- Caller: onewriter_dba
-- Writes: nothing
-- Calls: jobs.set_draining, jobs.worker_named
-- Raises: OWN04 {"worker"}
create or replace function operator_api.drain_worker(worker text, reason text) returns void
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select jobs.set_draining(jobs.worker_named(worker), true, session_user, reason) $$;
