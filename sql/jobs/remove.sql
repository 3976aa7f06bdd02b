-- jobs.remove: deletes a finished job with its attempts and events, at once and for good; audited.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.erase, jobs.fail_with, jobs.locked_job, jobs.record_audit, jobs.status_of
-- Raises: OWN01, OWN03, OWS01 {"status"}
create or replace function jobs.remove(_job_id bigint, _actor text, _reason text, _request_id text) returns json
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
as $$
declare
    _job constant procrastinate_jobs := jobs.locked_job(_job_id);
    _status constant text := jobs.status_of(_job.status, _job.gate);
begin
    if _job.status in ('todo', 'doing') then
        perform jobs.fail_with('OWS01', format('the job is %s: only a finished one can be deleted', _status),
                               jsonb_build_object('status', _status));
    elsif exists (select from jobs.outbox as o where o.job_id = _job_id) then
        perform jobs.fail_with('OWS01', 'its result handler has not had the end of this job yet',
                               jsonb_build_object('status', _status));
    elsif exists (select from jobs.flow_member as m join jobs.flow as f on f.id = m.flow_id and f.state = 'running'
                   where m.job_id = _job_id) then
        perform jobs.fail_with('OWS01', 'the flow that it belongs to has not ended', jsonb_build_object('status', _status));
    end if;
    perform jobs.erase(array[_job_id]);
    perform jobs.record_audit(_actor, 'jobs.remove', format('job %s', _job_id), _reason, jsonb_build_object(
        'task', _job.task_name, 'queue', _job.queue_name, 'status', _status, 'request_id', _request_id));
    return json_build_object('status', 'gone', 'wake', array['ow_job']);
end
$$;
