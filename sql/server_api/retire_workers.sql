-- server_api.retire_workers: active workers without a heartbeat for this long, and without a lease, are offline; one or all.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.fail_with, jobs.move_worker, jobs.sample_heartbeats, jobs.stale_workers
-- Raises: OWV01 for a time that is not positive
create or replace function server_api.retire_workers(_actor text, _after interval, _worker bigint default null) returns json
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _why constant text := format('no heartbeat for %s s', trim_scale(extract(epoch from _after)));
    _w record;
    _moved text[] := '{}';
begin
    if _after is null or _after <= interval '0' then
        perform jobs.fail_with('OWV01', 'the time must be positive', '{"field": "after", "message": "must be positive"}');
    end if;
    perform jobs.sample_heartbeats(_worker);
    for _w in
        select w.id, w.name from jobs.worker as w join jobs.stale_workers(_after) as s on s.worker_id = w.id
         where s.stale_at <= clock_timestamp() and w.status = 'active' and (_worker is null or w.id = _worker)
         order by w.id for update of w skip locked
    loop
        perform jobs.move_worker(_w.id, 'offline', _actor, _why);
        _moved := _moved || _w.name;
    end loop;
    return json_build_object('moved', _moved, 'next', (
        select case when min(s.stale_at) is not null
                    then round(greatest(0, extract(epoch from min(s.stale_at) - clock_timestamp())), 3) end
          from jobs.stale_workers(_after) as s));
end
$$;
