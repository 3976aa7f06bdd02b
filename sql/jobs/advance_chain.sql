-- jobs.advance_chain: after the last step that was started: the next one if it succeeded, else the end of the chain.
-- Caller: internal
-- Writes: jobs.flow_member.job, .job_id
-- Calls: jobs.end_flow, jobs.start_next
-- Raises: nothing of the jobs' own
create or replace function jobs.advance_chain(_flow jobs.flow) returns text[]
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_seqscan = off
as $$
declare
    _last jobs.flow_member;
    _next jobs.flow_member;
    _started record;
begin
    select m.* into _last from jobs.flow_member as m
     where m.flow_id = _flow.id and (m.job_id is not null or m.error is not null) order by m.n desc limit 1;
    if _last.status is null then
        return '{}';
    elsif _last.status <> 'succeeded' then
        return jobs.end_flow(_flow.id, case _last.status when 'cancelled' then 'cancelled' else 'failed' end, format('step %s%s: %s',
            _last.n, ' (job ' || _last.job_id || ')', coalesce(_last.error, (
                select coalesce(j.error, j.reason::text) from procrastinate_jobs as j where j.id = _last.job_id), _last.status)));
    end if;
    select m.* into _next from jobs.flow_member as m where m.flow_id = _flow.id and m.n = _last.n + 1;
    if not found then
        return jobs.end_flow(_flow.id, 'succeeded', null);
    end if;
    _started := jobs.start_next(_flow, _next.job, _last.job_id, (
        select j.result from procrastinate_jobs as j where j.id = _last.job_id));
    if _started.error is not null then
        return jobs.end_flow(_flow.id, 'failed', format('step %s: %s', _next.n, _started.error));
    end if;
    update jobs.flow_member as m set job_id = _started.id, job = null where m.flow_id = _flow.id and m.n = _next.n;
    return _started.wake;
end
$$;
