-- server_api.prune_workers: forgets workers (at most 1,000) that are offline and were not heard of for this long.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.fail_with, jobs.forget_workers
-- Raises: OWV01 for an age under a minute
create or replace function server_api.prune_workers(_age interval) returns integer
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _until constant timestamptz := clock_timestamp() - _age;
    _old bigint[];
begin
    if _age is null or _age < interval '1 minute' then
        perform jobs.fail_with('OWV01', 'a worker is kept for a minute at least',
                               '{"field": "age", "message": "is under a minute"}');
    end if;
    -- A drained one stays: it would come back without its drain.
    select coalesce(array_agg(o.id), '{}') into _old
      from (select w.id from jobs.worker as w
             where w.status = 'offline' and w.draining_since is null and greatest(w.changed_at, w.last_heartbeat_at) < _until
               and not exists (select from jobs.session as s
                                where s.worker_id = w.id and s.lost_at is null and s.closed_at is null)
             order by w.id limit 1000 for update skip locked) as o;
    if _old <> '{}' then
        perform jobs.forget_workers(_old);
    end if;
    return cardinality(_old);
end
$$;
