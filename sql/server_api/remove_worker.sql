-- server_api.remove_worker: takes a worker without a live session out of the registry, with its history; audited.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.fail_with, jobs.forget_workers, jobs.locked_worker, jobs.record_audit
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
    perform jobs.forget_workers(array[_id]);
    perform jobs.record_audit(_actor, 'workers.remove', _worker.name, _reason);
end
$$;
