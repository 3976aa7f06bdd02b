-- server_api.reactivate_workers: offline workers heard of since they went offline are active again; one worker or all.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.move_worker, jobs.sample_heartbeats
-- Raises: nothing
create or replace function server_api.reactivate_workers(_actor text, _worker bigint default null) returns json
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
         where w.status = 'offline' and w.last_heartbeat_at > w.changed_at and (_worker is null or w.id = _worker)
         order by w.id for update skip locked
    loop
        perform jobs.move_worker(_w.id, 'active', _actor, 'heartbeats are back');
        _moved := _moved || _w.name;
    end loop;
    -- A heartbeat over HTTP and a session that opens signal ow_sched. One that is open and comes back after a pause does
    -- not: as long as there is such a one, the next look is due at once, which means after the check's interval.
    return json_build_object('moved', _moved, 'next', (
        select case when count(*) > 0 then 0 end
          from jobs.worker as w
         where w.status = 'offline' and (w.last_heartbeat_at > w.changed_at or exists (
               select from jobs.session as s where s.worker_id = w.id and s.lost_at is null and s.closed_at is null))));
end
$$;
