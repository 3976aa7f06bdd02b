-- jobs.advance_group: when enough members have ended (all, or any): starts the callback, once, and ends the group.
-- Caller: internal
-- Writes: jobs.flow.callback_job_id
-- Calls: jobs.end_flow, jobs.member_results, jobs.start_next
-- Raises: nothing of the jobs' own
create or replace function jobs.advance_group(_flow jobs.flow) returns text[]
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_seqscan = off
as $$
declare
    _open constant boolean := exists (
        select from jobs.flow_member as m where m.flow_id = _flow.id and m.job_id is not null and m.status is null);
    _counted record;
    _started record;
begin
    -- One open member is found without counting; only a group that may be over is counted.
    if _open and _flow.rule = 'all' then
        return '{}';
    end if;
    select count(*) filter (where m.status is not null) as ended, count(*) filter (where m.status = 'succeeded') as succeeded
      into _counted from jobs.flow_member as m where m.flow_id = _flow.id;
    if _open and _counted.ended = 0 then
        return '{}';
    end if;
    if _flow.callback is not null then
        _started := jobs.start_next(_flow, _flow.callback, _flow.parent_id,
                                    case when _flow.results is not null then jobs.member_results(_flow.id) end);
        if _started.error is not null then
            return jobs.end_flow(_flow.id, 'failed', format('callback: %s', _started.error));
        end if;
        update jobs.flow as f set callback_job_id = _started.id where f.id = _flow.id;
    end if;
    return jobs.end_flow(
        _flow.id, case when _counted.succeeded = _counted.ended or _flow.rule = 'any' and _counted.succeeded > 0
                       then 'succeeded' else 'failed' end,
        case when _counted.succeeded < _counted.ended
             then format('%s of %s members did not succeed', _counted.ended - _counted.succeeded, _counted.ended) end)
        || coalesce(_started.wake, '{}');
end
$$;
