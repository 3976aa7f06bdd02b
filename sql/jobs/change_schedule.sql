-- jobs.change_schedule: changes these columns of a locked schedule; answers its new revision.
-- Caller: internal
-- Writes: jobs.schedule.definition, .changes, .vanished_at, .paused_at, .paused_by, .paused_reason, .revision, .updated_at, .updated_by
-- Calls: jobs.advance_schedules
-- Raises: nothing
create or replace function jobs.change_schedule(_id bigint, _columns jsonb, _actor text) returns bigint
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    -- All the others say when it fires.
    _what constant text[] := '{target,args,queue,priority,lock,queueing_lock,missed,overlapping,timestamp,description}';
    _was jobs.schedule;
    _to jobs.schedule;
    _is jobs.schedule;
begin
    select s.* into strict _was from jobs.schedule as s where s.id = _id;
    _to := jsonb_populate_record(_was, _columns);
    update jobs.schedule as s
       set definition = _to.definition, changes = _to.changes, vanished_at = _to.vanished_at, paused_at = _to.paused_at,
           paused_by = _to.paused_by, paused_reason = _to.paused_reason, revision = s.revision + 1,
           updated_at = clock_timestamp(), updated_by = coalesce(_actor, session_user)
     where s.id = _id
    returning s.* into _is;
    -- What begins to fire, or fires at other times, does not make up for times before.
    if (_was.effective - _what, _was.paused_at, _was.vanished_at)
       is distinct from (_is.effective - _what, _is.paused_at, _is.vanished_at) then
        perform jobs.advance_schedules(jsonb_build_array(jsonb_build_object('id', _id, 'until', clock_timestamp())));
    end if;
    return _is.revision;
end
$$;
