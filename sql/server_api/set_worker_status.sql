-- server_api.set_worker_status: a person gives a worker of the registry another status; audited.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.locked_worker, jobs.move_worker, jobs.record_audit
-- Raises: OWN04 {"worker_id"}, OWW02 {"worker_status", "allowed"}
create or replace function server_api.set_worker_status(_id bigint, _status text, _actor text, _reason text) returns void
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _worker constant jobs.worker := jobs.locked_worker(_id);
begin
    perform jobs.move_worker(_id, _status, _actor, _reason);
    perform jobs.record_audit(_actor, 'workers.status', _worker.name, _reason,
                              jsonb_build_object('from', _worker.status, 'to', _status));
end
$$;
