-- server_api.fire_schedules: makes the runs of schedules that are due and moves their high-water marks; a stale item is left out whole.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.add_members, jobs.add_runs, jobs.advance_schedules, jobs.describe_runs, jobs.is_active, jobs.plan, jobs.supersede_runs
-- Raises: class 22 and 23 for a call that has another shape
create or replace function server_api.fire_schedules(_fires text, _now timestamptz default null) returns json
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
    set enable_seqscan = off set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
    _given constant jsonb := _fires::jsonb;
    _ids constant bigint[] := array(select (i ->> 'id')::bigint from jsonb_array_elements(_given) as i);
    _items jsonb;
    _live bigint[];
    _runs jsonb;
    _wake text[];
begin
    -- By id, so that two transactions take the rows in one order. Compared under the lock: whoever comes second finds the
    -- mark moved, so a planned time fires once.
    perform from jobs.schedule as s where s.id = any (_ids) order by s.id for no key update;
    select coalesce(jsonb_agg(i order by s.id), '[]'), coalesce(array_agg(s.id), '{}') into _items, _live
      from jsonb_array_elements(_given) as i join jobs.schedule as s on s.id = (i ->> 'id')::bigint
     where s.revision = (i ->> 'revision')::bigint and s.fired_until = (i ->> 'fired_until')::timestamptz
       and jobs.is_active(s);
    perform jobs.advance_schedules(_items);
    perform jobs.plan(_items);
    _runs := jobs.add_runs(_items, coalesce(_now, clock_timestamp()));
    _wake := jobs.add_members(_runs);
    -- Last: nobody shall wait for jobs that are cancelled here while this waits for a queueing lock.
    _wake := _wake || jobs.supersede_runs(_live);
    return json_build_object(
        'runs', jobs.describe_runs(array(select (r ->> 'run_id')::bigint from jsonb_array_elements(_runs) as r)),
        'stale', array(select i from unnest(_ids) as i where i <> all (_live)),
        'wake', array(select distinct w from unnest(_wake) as w));
end
$$;
