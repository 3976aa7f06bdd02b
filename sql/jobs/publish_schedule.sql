-- jobs.publish_schedule: a schedule as its source has it now; what an operator changed in it stays. Added, changed, unchanged.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.add_schedule, jobs.change_schedule, jobs.checked_schedule, jobs.fail_with
-- Raises: OWK01 {"schedule", "source"}, OWV01 {"field", "message"}
create or replace function jobs.publish_schedule(_source text, _name text, _definition jsonb, _actor text) returns text
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _given constant jsonb := jobs.checked_schedule(_name, _definition);
    _s jobs.schedule;
    _changes jsonb;
begin
    select s.* into _s from jobs.schedule as s where s.name = _name for no key update;
    if not found then
        _s := jobs.add_schedule(_name, _source, _given, _actor);
        if _s.id is not null then
            return 'added';
        end if;
    end if;
    if _s.source is distinct from _source then
        perform jobs.fail_with('OWK01', format('schedule %s belongs to %s', _name, coalesce('source ' || _s.source, 'the API')),
                               jsonb_build_object('schedule', _name, 'source', _s.source));
    elsif _s.definition = _given and _s.vanished_at is null then
        return 'unchanged';
    end if;
    _changes := _s.changes;
    if _changes ?| '{cron,every,at}' then
        -- Where an operator said when it fires, that stays the only one of the three.
        _changes := (select coalesce(jsonb_object_agg(k, null), '{}')
                       from unnest('{cron,every,at}'::text[]) as k where _given ? k) || _changes;
    end if;
    perform jobs.change_schedule(_s.id, jsonb_build_object(
        'definition', _given, 'changes', _changes, 'vanished_at', null), _actor);
    return case when _s.vanished_at is null then 'changed' else 'added' end;
end
$$;
