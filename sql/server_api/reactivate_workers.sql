-- server_api.reactivate_workers: offline workers heard of since they went offline are active again; one worker or all.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.activate_heard
-- Raises: nothing
create or replace function server_api.reactivate_workers(_actor text, _worker bigint default null) returns json
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _moved constant text[] := jobs.activate_heard('offline', _actor, 'heartbeats are back', _worker);
begin
    -- A heartbeat over HTTP and a session that opens signal ow_sched. One that is open and comes back after a pause does
    -- not: as long as there is such a one, the next look is due at once, which means after the check's interval.
    return json_build_object('moved', _moved, 'next', (
        select case when count(*) > 0 then 0 end
          from jobs.worker as w
         where w.status = 'offline' and (w.last_heartbeat_at > w.changed_at or exists (
               select from jobs.session as s where s.worker_id = w.id and s.lost_at is null and s.closed_at is null))));
end
$$;
