-- jobs.set_schedule_paused: pauses or resumes a schedule, audited; what was due in the pause is not missed, it is passed over.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.change_schedule, jobs.locked_schedule, jobs.notify, jobs.record_audit
-- Raises: OWN05 {"schedule"}
create or replace function jobs.set_schedule_paused(
    _name text, _paused boolean, _actor text, _reason text, _request_id text) returns json
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _s constant jobs.schedule := jobs.locked_schedule(_name);
    _revision bigint;
begin
    if (_s.paused_at is not null) <> _paused then
        _revision := jobs.change_schedule(_s.id, jsonb_build_object(
            'paused_at', case when _paused then clock_timestamp() end,
            'paused_by', case when _paused then coalesce(_actor, session_user) end,
            'paused_reason', case when _paused then _reason end), _actor);
        perform jobs.record_audit(
            _actor, case when _paused then 'schedules.pause' else 'schedules.resume' end, _name, _reason,
            jsonb_build_object('revision', _revision, 'request_id', _request_id));
        perform jobs.notify(array['ow_fire']);
    end if;
    return (select json_build_object('revision', s.revision, 'paused_at', s.paused_at, 'paused_by', s.paused_by,
                                     'paused_reason', s.paused_reason)
              from jobs.schedule as s where s.id = _s.id);
end
$$;
