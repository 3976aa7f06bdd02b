-- server_api.remove_worker: takes a worker without a live session out of the registry, with its history; audited.
-- Caller: onewriter_server
-- Writes: jobs.worker (deletes it), jobs.worker_heartbeat (deletes its), jobs.worker_transition (deletes its)
-- Calls: jobs.fail_with, jobs.locked_worker, jobs.notify, jobs.record_audit
-- Raises: OWN04 {"worker_id"}, OWW03 {"sessions"}
create or replace function server_api.remove_worker(_id bigint, _actor text, _reason text) returns void
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _worker constant jobs.worker := jobs.locked_worker(_id);
    _live constant bigint[] := array(select s.id from jobs.session as s
                                      where s.worker_id = _id and s.lost_at is null and s.closed_at is null);
begin
    if _live <> '{}' then
        perform jobs.fail_with('OWW03', 'the worker has a live session', jsonb_build_object('sessions', _live));
    end if;
    delete from jobs.worker_heartbeat as h where h.worker_id = _id;
    delete from jobs.worker_transition as t where t.worker_id = _id;
    delete from jobs.worker as w where w.id = _id;
    perform jobs.record_audit(_actor, 'workers.remove', _worker.name, _reason);
    perform jobs.notify(array['ow_workers']);
end
$$;
