-- server_api.activate_workers: pending workers that a heartbeat was heard of are active; one worker or all.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.move_worker, jobs.sample_heartbeats
-- Raises: nothing
create or replace function server_api.activate_workers(_actor text, _worker bigint default null) returns json
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _w record;
    _moved text[] := '{}';
begin
    perform jobs.sample_heartbeats(_worker);
    for _w in
        select w.id, w.name from jobs.worker as w
         where w.status = 'pending' and w.last_heartbeat_at is not null and (_worker is null or w.id = _worker)
         order by w.id for update skip locked
    loop
        perform jobs.move_worker(_w.id, 'active', _actor, 'a heartbeat was heard');
        _moved := _moved || _w.name;
    end loop;
    -- The first heartbeat signals ow_sched, as does a session that opens; left are those that somebody held.
    return json_build_object('moved', _moved, 'next', (
        select case when count(*) > 0 then 0 end
          from jobs.worker as w where w.status = 'pending' and w.last_heartbeat_at is not null));
end
$$;
