-- jobs.remove_schedule: deletes a schedule; its waiting runs are skipped, its open jobs and its runs stay. Audited.
-- Caller: internal
-- Writes: jobs.schedule (deletes the named one)
-- Calls: jobs.fail_with, jobs.locked_schedule, jobs.notify, jobs.record_audit, jobs.require_revision, jobs.shown_definition, jobs.skip_runs
-- Raises: OWN05 {"schedule"}, OWS01 {"schedule", "source"}, OWS02 {"revision"}
create or replace function jobs.remove_schedule(
    _name text, _expected bigint, _actor text, _reason text, _request_id text) returns json
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _s constant jobs.schedule := jobs.locked_schedule(_name);
    _skipped bigint;
begin
    perform jobs.require_revision(_s.revision, _expected);
    if _s.origin = 'code' and _s.vanished_at is null then
        perform jobs.fail_with('OWS01', 'code publishes this schedule: pause it, or publish without it',
                               jsonb_build_object('schedule', _name, 'source', _s.source));
    end if;
    _skipped := jobs.skip_runs(_s.id, 'the schedule was removed');
    delete from jobs.schedule as s where s.id = _s.id;
    perform jobs.record_audit(_actor, 'schedules.remove', _name, _reason, jsonb_build_object(
        'revision', _s.revision, 'definition', jobs.shown_definition(_s.effective), 'skipped', _skipped,
        'request_id', _request_id));
    perform jobs.notify(array['ow_fire']);
    return json_build_object('revision', _s.revision, 'skipped', _skipped);
end
$$;
