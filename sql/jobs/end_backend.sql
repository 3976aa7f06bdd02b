-- jobs.end_backend: ends one backend of a worker, if it is still that one and still past its limit; counted, and audited.
-- Caller: internal
-- Writes: jobs.ended_backend.login, .rule, .times, .first_at, .last_at, .last_detail
-- Calls: jobs.try_audit, jobs.worker_backends
-- Raises: 42501 where the owner was not granted pg_signal_backend
create or replace function jobs.end_backend(_pid integer, _started timestamptz, _rule text) returns boolean
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _now constant timestamptz := clock_timestamp();
    _b record;
    _before timestamptz;
begin
    -- A cancel would not reach one that waits for its client to read. What a transaction has seen of others it keeps.
    perform pg_stat_clear_snapshot();
    select w.login, pg_terminate_backend(w.pid) as told,
           jsonb_build_object('pid', w.pid, 'application', w.application, 'client', w.client, 'state', w.state) as detail
      into _b
      from jobs.worker_backends() as w
     where w.pid = _pid and w.started = _started and (_rule = 'lease' or w.rule = _rule and w.limit_at <= _now);
    if _b.told is not true then
        return false;
    end if;
    select e.last_at into _before from jobs.ended_backend as e where e.login = _b.login and e.rule = _rule;
    insert into jobs.ended_backend as e (login, rule, times, first_at, last_at, last_detail)
    values (_b.login, _rule, 1, _now, _now, _b.detail)
    on conflict (login, rule) do update
       set times = e.times + 1, last_at = excluded.last_at, last_detail = excluded.last_detail;
    -- A stolen login can have itself ended for ever: the audit gets the first of a series.
    if coalesce(_before < _now - interval '1 hour', true) then
        perform jobs.try_audit('janitor', 'backends.end', _b.login, 'past the limit of a ' || _rule, _b.detail);
    end if;
    return true;
end
$$;
