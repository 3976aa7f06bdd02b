-- jobs.start_follow_ups: starts what follows, jobs and flows: [{"follow": [items], "cause"}]. Answers the ids of the jobs made,
-- of those left out since a waiting job holds their queueing lock, of the flows, and the channels to signal.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.add_follow_ups, jobs.channels, jobs.fail_with, jobs.require_fit, jobs.start_flow
-- Raises: OWT01, OWV01 {"field", "message"}
create or replace function jobs.start_follow_ups(
    _asked jsonb, out ids bigint[], out skipped bigint[], out flows bigint[], out wake text[])
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _causes constant jsonb := jsonb_path_query_array(_asked, '$[*].cause');
    _jobs jsonb;
    _of integer[];
    _sound boolean;
    _added record;
    _fault jsonb;
    _flow record;
    _started record;
begin
    select coalesce(jsonb_agg(i.item -> 'job' order by a.n, i.n) filter (where i.item -> 'job' is not null), '[]'),
           coalesce(array_agg(a.n::integer order by a.n, i.n) filter (where i.item -> 'job' is not null), '{}'),
           coalesce(bool_and(num_nonnulls(i.item -> 'job', i.item -> 'flow') = 1), true)
      into _jobs, _of, _sound
      from jsonb_array_elements(_asked) with ordinality as a(ask, n)
     cross join jsonb_array_elements(a.ask -> 'follow') with ordinality as i(item, n);
    if not _sound then
        perform jobs.fail_with('OWV01', 'a follow-up is a job or a flow', '{"field": "follow", "message": "is no job and no flow"}');
    end if;
    perform jobs.require_fit(j) from jsonb_array_elements(_jobs) as j;
    -- All jobs in one insert, before the flows.
    select a.ids, a.skipped, a.errors into _added from jobs.add_follow_ups(_jobs, _causes, _of) as a;
    -- A job that its queue does not take is an error of whoever asked for it; of a taken queueing lock he is told.
    select e into _fault from unnest(_added.errors) as e where e ->> 'error' <> 'queueing-lock-taken' limit 1;
    if found then
        perform jobs.fail_with(case _fault ->> 'error' when 'queue-refuses-task' then 'OWT01' else 'OWV01' end,
                               _fault ->> 'message', jsonb_build_object('field', 'job', 'message', _fault ->> 'message'));
    end if;
    ids := array_remove(_added.ids, null);
    skipped := _added.skipped;
    flows := '{}';
    wake := array['ow_job'] || jobs.channels(array(
        select _jobs -> (i - 1) ->> 'queue' from generate_subscripts(_added.ids, 1) as i where _added.ids[i] is not null));
    for _flow in
        select i.item -> 'flow' as flow, a.ask -> 'cause' as cause
          from jsonb_array_elements(_asked) with ordinality as a(ask, n)
         cross join jsonb_array_elements(a.ask -> 'follow') with ordinality as i(item, n)
         where i.item -> 'flow' is not null order by a.n, i.n
    loop
        select s.id, s.ids, s.skipped, s.wake into _started from jobs.start_flow(_flow.flow, _flow.cause) as s;
        ids := ids || _started.ids;
        skipped := skipped || _started.skipped;
        flows := flows || _started.id;
        wake := wake || _started.wake;
    end loop;
end
$$;
