-- jobs.activate_heard: workers of this status that a heartbeat was heard of since are active; one or all; answers their names.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.move_worker, jobs.sample_heartbeats
-- Raises: nothing
create or replace function jobs.activate_heard(_from jobs.worker_status, _actor text, _reason text, _worker bigint)
    returns text[]
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _w record;
    _moved text[] := '{}';
begin
    perform jobs.sample_heartbeats(_worker);
    for _w in
        select w.id, w.name from jobs.worker as w
         where w.status = _from and w.last_heartbeat_at is not null
           and (_from = 'pending' or w.last_heartbeat_at > w.changed_at) and (_worker is null or w.id = _worker)
         order by w.id for update skip locked
    loop
        perform jobs.move_worker(_w.id, 'active', _actor, _reason);
        _moved := _moved || _w.name;
    end loop;
    return _moved;
end
$$;
