-- jobs.worker_named: the id of the worker of this name (host/name).
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.fail_with
-- Raises: OWN04 {"worker"}
create or replace function jobs.worker_named(_name text) returns bigint
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _id constant bigint := (select w.id from jobs.worker as w where w.name = _name);
begin
    if _id is null then
        perform jobs.fail_with('OWN04', 'there is no such worker', jsonb_build_object('worker', _name));
    end if;
    return _id;
end
$$;
