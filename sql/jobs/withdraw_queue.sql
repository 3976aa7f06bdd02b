-- jobs.withdraw_queue: takes a queue from a login until the next resolution, audited: a job that does not fit was in it.
-- Caller: internal
-- Writes: jobs.worker_login.granted, .refused
-- Calls: jobs.guard_queues, jobs.try_audit
-- Raises: nothing
create or replace function jobs.withdraw_queue(_login name, _queue text, _task text, _job_id bigint) returns void
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _why constant text := format('job %s of task %s was found in it', _job_id, _task);
begin
    update jobs.worker_login as l
       set granted = array_remove(l.granted, _queue), refused = l.refused || jsonb_build_object(_queue, _why)
     where l.login = _login and _queue = any (l.granted);
    if found then  -- not by another session meanwhile
        perform jobs.guard_queues();
        perform jobs.try_audit(null, 'workers.withdraw', format('queue %s of %s', _queue, _login), _why,
                               jsonb_build_object('login', _login, 'queue', _queue, 'task', _task, 'job_id', _job_id));
    end if;
end
$$;
