-- jobs.move_worker: gives a worker of the registry another status: a row of history and a signal for each.
-- Caller: internal
-- Writes: jobs.worker.status, .changed_at, jobs.worker_transition.worker_id, .from_status, .to_status, .actor, .reason, jobs.worker_transition (deletes beyond 1,000 of the worker)
-- Calls: jobs.fail_with, jobs.locked_worker, jobs.notify, jobs.worker_transitions
-- Raises: OWN04 {"worker_id"}, OWW02 {"field", "message", "worker_status", "allowed"}
create or replace function jobs.move_worker(_id bigint, _to text, _actor text, _reason text) returns void
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _from constant jobs.worker_status := (jobs.locked_worker(_id)).status;
    _allowed constant jobs.worker_status[] := jobs.worker_transitions(_from);
begin
    if _to is null or _to <> all (_allowed::text[]) then
        perform jobs.fail_with('OWW02', format('%s workers do not become %s', _from, coalesce(_to, 'null')),
            jsonb_build_object('field', 'status', 'message', 'must be ' || array_to_string(_allowed, ' or '),
                               'worker_status', _from, 'allowed', _allowed));
    end if;
    update jobs.worker as w set status = _to::jobs.worker_status, changed_at = clock_timestamp() where w.id = _id;
    insert into jobs.worker_transition (worker_id, from_status, to_status, actor, reason)
    values (_id, _from, _to::jobs.worker_status, _actor, _reason);
    delete from jobs.worker_transition as t
     where t.worker_id = _id and t.id <= (select o.id from jobs.worker_transition as o
                                           where o.worker_id = _id order by o.id desc offset 1000 limit 1);
    perform jobs.notify(array['ow_workers', 'ow_sched']);  -- the checks plan their next look
end
$$;
