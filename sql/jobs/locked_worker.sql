-- jobs.locked_worker: a worker of the registry, locked for a change.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.fail_with
-- Raises: OWN04 {"worker_id"}
create or replace function jobs.locked_worker(_id bigint) returns jobs.worker
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _worker jobs.worker;
begin
    select w.* into _worker from jobs.worker as w where w.id = _id for update;
    if not found then
        perform jobs.fail_with('OWN04', 'there is no such worker', jsonb_build_object('worker_id', _id));
    end if;
    return _worker;
end
$$;
