-- server_api.end_overlong: ends workers' backends that passed a limit: 5 s in a transaction, 15 s in a statement.
-- Caller: onewriter_janitor
-- Writes: nothing
-- Calls: jobs.end_backend, jobs.worker_backends
-- Raises: 42501 where the owner was not granted pg_signal_backend
create or replace function server_api.end_overlong() returns json
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _now constant timestamptz := clock_timestamp();
    _b record;
    _ended jsonb := '[]';
    _next numeric;
begin
    -- A transaction may begin right after this look: the next one, 5 s later at most, sees it before its limit.
    select case when count(*) > 0 then least(5, extract(epoch from min(w.limit_at) filter (where w.limit_at > _now) - _now)) end
      into _next from jobs.worker_backends() as w;
    for _b in select w.* from jobs.worker_backends() as w where w.limit_at <= _now loop
        if jobs.end_backend(_b.pid, _b.started, _b.rule) then
            _ended := _ended || jsonb_build_object('pid', _b.pid, 'login', _b.login, 'rule', _b.rule, 'state', _b.state);
        end if;
    end loop;
    -- What was told to end has a second for it before it is told, and counted, again.
    return json_build_object('ended', _ended, 'next', round(case when _ended = '[]' then _next else 1 end, 3));
end
$$;
