-- server_api.request_backfill: enters a range of planned times as runs to make after the fact, few at once; audited.
-- Caller: onewriter_server
-- Writes: jobs.backfill.schedule_id, .from_at, .to_at, .concurrency, .actor, .reason, .request_id, jobs.schedule_run.schedule_id, .schedule, .trigger, .state, .planned_at, .actor, .reason, .request_id, .backfill_id
-- Calls: jobs.fail_with, jobs.locked_schedule, jobs.notify, jobs.record_audit, jobs.require_reason
-- Raises: OWN05 {"schedule"}, OWV01 {"field", "message"}; class 22 and 23 for content that the tables refuse
create or replace function server_api.request_backfill(_name text, _request text) returns json
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _given constant jsonb := _request::jsonb;
    _times constant timestamptz[] := array(
        select distinct t::timestamptz from jsonb_array_elements_text(_given -> 'times') as t order by 1);
    _schedule_id bigint;
    _id bigint;
begin
    perform jobs.require_reason('a backfill', _given ->> 'reason');
    if cardinality(_times) > 10000 then
        perform jobs.fail_with('OWV01', 'at most 10,000 runs', '{"field": "to", "message": "over 10,000 planned times"}');
    end if;
    _schedule_id := (jobs.locked_schedule(_name)).id;
    insert into jobs.backfill (schedule_id, from_at, to_at, concurrency, actor, reason, request_id)
    values (_schedule_id, (_given ->> 'from')::timestamptz, (_given ->> 'to')::timestamptz,
            (_given ->> 'concurrency')::integer, _given ->> 'actor', _given ->> 'reason', _given ->> 'request_id')
    returning id into _id;
    insert into jobs.schedule_run
          (schedule_id, schedule, trigger, state, planned_at, actor, reason, request_id, backfill_id)
    select _schedule_id, _name, 'backfill', 'pending', t, _given ->> 'actor', _given ->> 'reason',
           _given ->> 'request_id', _id
      from unnest(_times) as t order by t;
    perform jobs.record_audit(_given ->> 'actor', 'schedules.backfill', _name, _given ->> 'reason',
                              _given - array['actor', 'reason', 'times']
                              || jsonb_build_object('backfill_id', _id, 'runs', cardinality(_times)));
    perform jobs.notify(array['ow_fire']);
    return json_build_object('backfill_id', _id, 'runs', cardinality(_times));
end
$$;
