-- jobs.run_now: makes a scheduled job due now, or runs a finished one again as a new job whose cause is the old one.
-- Caller: internal
-- Writes: procrastinate.procrastinate_jobs.gate, .scheduled_at, .due_at, jobs.job_event.job_id, .type, .actor, .reason
-- Calls: jobs.add, jobs.channels, jobs.fail_with, jobs.locked_job, jobs.record_audit, jobs.require_reason, jobs.status_of
-- Raises: OWN01, OWN03, OWS01 {"status"}, OWQ01 {"job_id"}, OWV01 {"field", "message"}
create or replace function jobs.run_now(_job_id bigint, _actor text, _reason text, _request_id text) returns json
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
as $$
declare
    _job constant procrastinate_jobs := jobs.locked_job(_job_id);
    _status constant text := jobs.status_of(_job.status, _job.gate);
    _added record;
    _id bigint := _job_id;
begin
    perform jobs.require_reason('run-now', _reason);
    if _status in ('running', 'ready', 'waiting') then
        perform jobs.fail_with('OWS01', format('the job is %s', _status), jsonb_build_object('status', _status));
    end if;
    if _status = 'scheduled' then
        update procrastinate_jobs as j
           set gate = case when j.lock is null then 0 else 1 end, due_at = j.scheduled_at, scheduled_at = null
         where j.id = _job_id and j.status = 'todo';
        insert into jobs.job_event (job_id, type, actor, reason) values (_job_id, 'run_now', _actor, _reason);
    else
        select a.ids, a.missing into _added from jobs.add(jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
            'task', _job.task_name, 'queue', _job.queue_name, 'priority', _job.priority, 'lock', _job.lock,
            'queueing_lock', _job.queueing_lock, 'timeout', _job.timeout, 'max_attempts', _job.max_attempts,
            'key', (select d.key from jobs.job_detail as d where d.job_id = _job_id)))
            || jsonb_build_object('args', _job.args)),
            jsonb_build_object('kind', 'operator', 'actor', _actor, 'request_id', _request_id,
                               'ref', format('job %s', _job_id), 'reason', _reason)) as a;
        if _added.missing is not null then
            perform jobs.fail_with('OWQ01', 'another waiting job has this queueing lock', jsonb_build_object('job_id',
                (select o.id from procrastinate_jobs as o
                  where o.status = 'todo' and o.queueing_lock = _job.queueing_lock)));
        end if;
        _id := _added.ids[1];
    end if;
    perform jobs.record_audit(_actor, 'jobs.run_now', format('job %s', _job_id), _reason,
                              jsonb_build_object('job_id', _id, 'request_id', _request_id));
    return json_build_object('job_id', _id, 'created', _status <> 'scheduled',
                             'wake', array['ow_job'] || jobs.channels(array[_job.queue_name]));
end
$$;
