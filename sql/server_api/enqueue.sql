-- server_api.enqueue: enqueues one job from plain SQL, in the caller's transaction; the catalogue fills what is left out.
-- Caller: onewriter_server, onewriter_producer
-- Writes: nothing
-- Calls: jobs.add, jobs.channels, jobs.fail_with, jobs.notify, jobs.require_fit
-- Raises: OWU01 {"task"}, OWV01 {"field", "message"}, OWQ01 {"job_id"}
create or replace function server_api.enqueue(
    task text, args jsonb default '{}', queue text default null, priority integer default null,
    lock text default null, queueing_lock text default null, key text default null,
    run_at timestamptz default null, expires_at timestamptz default null, timeout real default null,
    max_attempts integer default null, reason text default null, notify boolean default true) returns bigint
    language plpgsql security definer
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
as $$
declare
    _task jobs.task;
    _job jsonb;
    _added record;
begin
    select t.* into _task from jobs.task as t where t.name = enqueue.task or enqueue.task = any (t.aliases);
    if not found then
        perform jobs.fail_with('OWU01', 'no such task in the catalogue', jsonb_build_object('task', enqueue.task));
    elsif jsonb_typeof(enqueue.args) is distinct from 'object' then
        perform jobs.fail_with('OWV01', 'args must be a JSON object',
                               '{"field": "args", "message": "must be a JSON object"}');
    end if;
    _job := jsonb_strip_nulls(jsonb_build_object(
        'task', _task.name, 'queue', coalesce(enqueue.queue, _task.queue),
        'priority', coalesce(enqueue.priority, _task.priority),
        'lock', coalesce(enqueue.lock, _task.lock),
        'queueing_lock', coalesce(enqueue.queueing_lock, _task.queueing_lock), 'key', enqueue.key,
        'run_at', enqueue.run_at, 'expires_at', enqueue.expires_at,
        'timeout', coalesce(enqueue.timeout, _task.timeout),
        'max_attempts', least(enqueue.max_attempts, _task.max_attempts)))
        || jsonb_build_object('args', enqueue.args);
    perform jobs.require_fit(_job);

    select a.ids, a.missing into _added from jobs.add(
        jsonb_build_array(_job),
        jsonb_build_object('kind', 'sql', 'actor', session_user, 'reason', enqueue.reason)) as a;
    if _added.missing is not null then
        perform jobs.fail_with('OWQ01', 'another waiting job has this queueing lock', jsonb_build_object('job_id',
            (select j.id from procrastinate_jobs as j
              where j.status = 'todo' and j.queueing_lock = _job ->> 'queueing_lock')));
    end if;
    if enqueue.notify then
        perform jobs.notify(jobs.channels(array[_job ->> 'queue']));
    end if;
    return _added.ids[1];
end
$$;
