-- jobs.checked_job: a job as plain SQL may ask for it: of a published task; the catalogue fills what is left out.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.fail_with
-- Raises: OWU01 {"task"}, OWV01 {"field", "message"}
create or replace function jobs.checked_job(_given jsonb) returns jsonb
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _task jobs.task;
begin
    select t.* into _task from jobs.task as t where t.name = _given ->> 'task' or _given ->> 'task' = any (t.aliases);
    if not found then
        perform jobs.fail_with('OWU01', 'no such task in the catalogue', jsonb_build_object('task', _given -> 'task'));
    elsif jsonb_typeof(_given -> 'args') is distinct from 'object' then
        perform jobs.fail_with('OWV01', 'args must be a JSON object',
                               '{"field": "args", "message": "must be a JSON object"}');
    end if;
    return jsonb_strip_nulls(jsonb_build_object(
        'task', _task.name, 'queue', coalesce(_given ->> 'queue', _task.queue),
        'priority', coalesce((_given ->> 'priority')::integer, _task.priority),
        'lock', coalesce(_given ->> 'lock', _task.lock),
        'queueing_lock', coalesce(_given ->> 'queueing_lock', _task.queueing_lock), 'key', _given -> 'key',
        'run_at', _given -> 'run_at', 'delay', _given -> 'delay', 'expires_at', _given -> 'expires_at',
        'timeout', coalesce((_given ->> 'timeout')::real, _task.timeout),
        'max_attempts', least((_given ->> 'max_attempts')::integer, _task.max_attempts)))
        || jsonb_build_object('args', _given -> 'args');
end
$$;
