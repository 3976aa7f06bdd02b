-- jobs.start_flow: makes a flow and starts its first jobs: of a chain the first step, of a group all members.
-- Caller: internal
-- Writes: jobs.flow.kind, .rule, .parent_id, .actor, .request_id, .callback, .results, jobs.flow_member.flow_id, .n, .job, .job_id, .status, .ended_at, .error
-- Calls: jobs.add_follow_ups, jobs.advance_flow, jobs.channels, jobs.fail_with, jobs.require_fit
-- Raises: OWQ01 {"job_id"}, OWT01, OWV01 {"field", "message"}, class 22 and 23 for content that the tables refuse
create or replace function jobs.start_flow(
    _flow jsonb, _cause jsonb, out id bigint, out ids bigint[], out skipped bigint[], out wake text[])
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _steps constant jsonb := coalesce(_flow -> 'jobs', '[]');
    _n constant integer := jsonb_array_length(_steps);
    _chain constant boolean := _flow ->> 'kind' = 'chain';
    _first constant jsonb := case when _chain then jsonb_path_query_array(_steps, '$[0]') else _steps end;
    _callback constant jsonb := nullif(_flow -> 'callback', 'null');
    _added record;
begin
    if _n > 10000 or _chain and _n not between 1 and 1000 or _n = 0 and _callback is null then
        perform jobs.fail_with('OWV01', 'a chain has 1 to 1,000 steps; a group at most 10,000 jobs, and a callback if it has none',
                               '{"field": "jobs", "message": "are too many, or none"}');
    end if;
    perform jobs.require_fit(j) from jsonb_array_elements(_steps || coalesce(_callback, '[]')) as j;
    insert into jobs.flow (kind, rule, parent_id, actor, request_id, callback, results)
    values (_flow ->> 'kind', _flow ->> 'rule', (_cause ->> 'parent_id')::bigint, _cause ->> 'actor', _cause ->> 'request_id',
            _callback, _flow ->> 'results')
    returning flow.id into id;
    select a.ids, a.skipped, a.errors into _added
      from jobs.add_follow_ups(_first, jsonb_build_array(_cause || jsonb_build_object('ref', format('flow %s', id))),
                               array_fill(1, array[jsonb_array_length(_first)])) as a;
    -- A member that the database refuses has ended without having begun.
    insert into jobs.flow_member (flow_id, n, job, job_id, status, ended_at, error)
    select start_flow.id, s.n, case when _chain and s.n > 1 then s.job end, _added.ids[s.n],
           case when e.message is not null then 'failed' end, case when e.message is not null then clock_timestamp() end, e.message
      from jsonb_array_elements(_steps) with ordinality as s(job, n)
     cross join lateral (select _added.errors[s.n] ->> 'message') as e(message);
    ids := array_remove(_added.ids, null);
    skipped := _added.skipped;
    wake := coalesce(jobs.channels(array(
        select _first -> (i - 1) ->> 'queue' from generate_subscripts(_added.ids, 1) as i where _added.ids[i] is not null)), '{}')
        || jobs.advance_flow(id);
    -- Nobody would ever see a flow without a parent and without a job.
    if ids = '{}' and _cause -> 'parent_id' is null and _callback is null then
        perform jobs.fail_with(case _added.errors[1] ->> 'error' when 'queueing-lock-taken' then 'OWQ01'
                               when 'queue-refuses-task' then 'OWT01' else 'OWV01' end,
                               _added.errors[1] ->> 'message', _added.errors[1] - '{error,message}'::text[]);
    end if;
end
$$;
