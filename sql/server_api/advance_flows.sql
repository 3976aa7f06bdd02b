-- server_api.advance_flows: starts the next steps and the callbacks of flows whose jobs have ended, at most 500 ends a call.
-- Answers the last end that it saw, null for none: those of flows that somebody holds stay, and the next call looks behind them.
-- Caller: onewriter_server
-- Writes: jobs.outbox (deletes the ends that it has acted on)
-- Calls: jobs.advance_flow, jobs.end_flow
-- Raises: nothing of the jobs' own
create or replace function server_api.advance_flows(_after bigint default 0) returns json
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
    set plan_cache_mode = force_generic_plan set jit = off set lock_timeout = '50ms'
as $$
declare
    _ends bigint[];
    _jobs bigint[];
    _flows bigint[];
    _held bigint[] := '{}';
    _flow bigint;
    _n integer;
    _wake text[] := '{}';
begin
    -- Sought and ordered by the consumer and the id: by id alone all ends of a consumer that stands still might be read through.
    select array_agg(e.id), array_agg(e.job_id) into _ends, _jobs
      from (select o.id, o.job_id from jobs.outbox as o
             where (o.consumer, o.id) > ('flows', _after) and o.consumer <= 'flows' and o.parked_at is null and o.next_at is null
             order by o.consumer, o.id limit 500 for update skip locked) as e;
    -- By id, so that two transactions take the rows in one order. A flow that somebody holds (a retry, a cancel) keeps its
    -- ends for the next look: it holds up no other.
    _flows := array(select f.id from jobs.flow as f
                     where f.id in (select m.flow_id from jobs.flow_member as m where m.job_id = any (_jobs))
                     order by f.id for no key update skip locked);
    foreach _flow in array _flows loop
        begin
            _wake := _wake || jobs.advance_flow(_flow);
        exception when lock_not_available then
            -- Somebody's open transaction has its queueing lock, maybe that of many flows; the other loops wait for this one.
            _held := _held || _flow;
            perform set_config('lock_timeout', '1ms', true);
        when data_exception or integrity_constraint_violation then
            _wake := _wake || jobs.end_flow(_flow, 'failed', sqlerrm);  -- what can't be read must not hold up the others
        end;
    end loop;
    delete from jobs.outbox as o
     where o.id = any (_ends) and not exists (
           select from jobs.flow_member as m
            where m.job_id = o.job_id and (m.flow_id <> all (_flows) or m.flow_id = any (_held)));
    get diagnostics _n = row_count;
    return json_build_object('last', _ends[cardinality(_ends)], 'taken', _n, 'left', coalesce(cardinality(_ends), 0) - _n,
                             'advanced', cardinality(_flows) - cardinality(_held),
                             'wake', array(select distinct w from unnest(_wake) as w));
end
$$;
