-- jobs.put_schedule: makes a schedule, or gives it this definition; in a published one as an operator's changes. Audited.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.add_schedule, jobs.change_schedule, jobs.checked_schedule, jobs.definition_changes, jobs.fail_with, jobs.notify, jobs.record_audit, jobs.require_revision, jobs.shown_definition
-- Raises: OWK03 {"schedule"}, OWS02 {"revision"}, OWV01 {"field", "message"}
create or replace function jobs.put_schedule(
    _name text, _definition jsonb, _expected bigint, _actor text, _reason text, _request_id text) returns json
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _given constant jsonb := jobs.checked_schedule(_name, _definition);
    _before jsonb := '{}';
    _revision bigint;
    _s jobs.schedule;
begin
    loop
        select s.* into _s from jobs.schedule as s where s.name = _name for no key update;
        exit when found;
        perform jobs.require_revision(null, nullif(_expected, 0));
        _s := jobs.add_schedule(_name, null, _given, _actor);
        _revision := _s.revision;
        exit when _revision is not null;  -- otherwise somebody made one just now
    end loop;
    if _revision is null then
        if _expected = 0 then
            perform jobs.fail_with('OWK03', 'a schedule of this name exists', jsonb_build_object('schedule', _name));
        end if;
        perform jobs.require_revision(_s.revision, _expected);
        _before := _s.effective;
        if _given = _before then
            return json_build_object('created', false, 'revision', _s.revision);
        end if;
        _revision := jobs.change_schedule(_s.id, case when _s.origin = 'code'
            then jsonb_build_object('changes', jobs.definition_changes(_s.definition, _given))
            else jsonb_build_object('definition', _given) end, _actor);
    end if;
    perform jobs.record_audit(_actor, 'schedules.put', _name, _reason, jsonb_build_object(
        'revision', _revision, 'changed', jobs.shown_definition(jobs.definition_changes(_before, _given)),
        'request_id', _request_id));
    perform jobs.notify(array['ow_fire']);
    return json_build_object('created', _before = '{}', 'revision', _revision);
end
$$;
