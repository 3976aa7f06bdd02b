-- server_api.heartbeat_worker: a worker's sign of life over HTTP: recorded, and no status is changed by it.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.locked_worker, jobs.notify, jobs.record_heartbeats
-- Raises: OWN04 {"worker_id"}
create or replace function server_api.heartbeat_worker(_id bigint) returns void
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _worker constant jobs.worker := jobs.locked_worker(_id);
begin
    perform jobs.record_heartbeats(array[_id], array[clock_timestamp()], array[null::bigint]);
    -- An active one only stays what it is; the others are news for the checks, which may sleep for long.
    if _worker.status <> 'active' then
        perform jobs.notify(array['ow_sched']);
    end if;
end
$$;
