-- server_api.enqueue: enqueues one job from plain SQL, in the caller's transaction; the catalogue fills what is left out.
-- Caller: onewriter_server, onewriter_handler, onewriter_producer
-- Writes: nothing
-- Calls: jobs.add, jobs.channels, jobs.checked_job, jobs.fail_with, jobs.notify, jobs.require_fit
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
    _job constant jsonb := jobs.checked_job(jsonb_build_object(
        'task', enqueue.task, 'args', enqueue.args, 'queue', enqueue.queue, 'priority', enqueue.priority, 'lock', enqueue.lock,
        'queueing_lock', enqueue.queueing_lock, 'key', enqueue.key, 'run_at', enqueue.run_at, 'expires_at', enqueue.expires_at,
        'timeout', enqueue.timeout, 'max_attempts', enqueue.max_attempts));
    _added record;
begin
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
