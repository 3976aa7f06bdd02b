-- server_api.resume_worker: hands out jobs to a drained worker again; audited.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.set_draining
-- Raises: OWN04 {"worker_id"}
create or replace function server_api.resume_worker(_id bigint, _actor text, _reason text) returns void
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select jobs.set_draining(_id, false, _actor, _reason) $$;
