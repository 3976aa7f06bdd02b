-- server_api.activate_workers: pending workers that a heartbeat was heard of are active; one worker or all.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.activate_heard
-- Raises: nothing
create or replace function server_api.activate_workers(_actor text, _worker bigint default null) returns json
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _moved constant text[] := jobs.activate_heard('pending', _actor, 'a heartbeat was heard', _worker);
begin
    -- The first heartbeat signals ow_sched, as does a session that opens; left are those that somebody held.
    return json_build_object('moved', _moved, 'next', (
        select case when count(*) > 0 then 0 end
          from jobs.worker as w where w.status = 'pending' and w.last_heartbeat_at is not null));
end
$$;
