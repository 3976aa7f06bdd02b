-- jobs.publish_schedules: makes these the schedules of a source; those it has no more fire no more. Audited.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.change_schedule, jobs.fail_with, jobs.notify, jobs.publish_schedule, jobs.record_audit
-- Raises: OWK01 {"schedule", "source"}, OWV01 {"field", "message"}
create or replace function jobs.publish_schedules(_source text, _schedules jsonb, _actor text) returns jsonb
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _names constant text[] := array(select x ->> 'name' from jsonb_array_elements(
        case jsonb_typeof(_schedules) when 'array' then _schedules end) as x);
    _gone text[] := '{}';
    _s record;
    _answer jsonb;
begin
    if jsonb_typeof(_schedules) is distinct from 'array'
       or cardinality(_names) <> (select count(distinct n) from unnest(_names) as n) then
        perform jobs.fail_with('OWV01', 'schedules are a list, each with a name of its own',
                               '{"field": "schedules", "message": "must be a list, each with a name of its own"}');
    end if;
    -- In the order in which the scheduler locks them.
    perform from jobs.schedule as s where s.source = _source or s.name = any (_names) order by s.id for no key update;
    for _s in
        select s.id, s.name::text from jobs.schedule as s
         where s.source = _source and s.vanished_at is null and s.name <> all (_names) order by s.name
    loop
        perform jobs.change_schedule(_s.id, jsonb_build_object('vanished_at', clock_timestamp()), _actor);
        _gone := _gone || _s.name;
    end loop;
    with done as materialized (
        select x.name, jobs.publish_schedule(_source, x.name, x.definition, _actor) as how
          from jsonb_to_recordset(_schedules) as x(name text, definition jsonb)
    )
    select jsonb_build_object(
        'added', coalesce(jsonb_agg(d.name order by d.name) filter (where d.how = 'added'), '[]'),
        'changed', coalesce(jsonb_agg(d.name order by d.name) filter (where d.how = 'changed'), '[]'),
        'removed', _gone, 'unchanged', count(*) filter (where d.how = 'unchanged'))
      into _answer from done as d;
    if _answer - 'unchanged' <> '{"added": [], "changed": [], "removed": []}' then
        perform jobs.record_audit(_actor, 'schedules.publish', _source, null, _answer);
        perform jobs.notify(array['ow_fire']);
    end if;
    return _answer;
end
$$;
