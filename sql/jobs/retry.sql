-- jobs.retry: a person's retry of a job that did not succeed: the same id, one more run allowed.
-- Caller: internal
-- Writes: procrastinate.procrastinate_jobs.status, .gate, .scheduled_at, .worker_id, .abort_requested, .crashes, .max_attempts, .expires_at, .finished_at, .reason, .error, jobs.attempt.job_id, .claim_no, .attempt, .session_id, .status, .reason, .started_at, .finished_at, .error, jobs.job_event.job_id, .type, .actor, .reason
-- Calls: jobs.channels, jobs.fail_with, jobs.locked_job, jobs.refuse_misfits, jobs.reopen_flow, jobs.reopen_run, jobs.status_of
-- Moves: failed|cancelled|aborted -> todo
-- Raises: OWN01, OWN03, OWS01 {"status"}, OWQ01 {"job_id"}, OWT01 {"queue", "task", "takes"}
create or replace function jobs.retry(_job_id bigint, _actor text, _reason text) returns json
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
as $$
declare
    _job constant procrastinate_jobs := jobs.locked_job(_job_id);
begin
    if _job.status not in ('failed', 'cancelled', 'aborted') then
        perform jobs.fail_with('OWS01', format('a job that has status %s cannot be retried', _job.status),
                               jsonb_build_object('status', jobs.status_of(_job.status, _job.gate)));
    end if;
    perform jobs.refuse_misfits(jsonb_build_array(jsonb_build_object('queue', _job.queue_name, 'task', _job.task_name)));
    -- The last run makes room for the next one; what ended without a run has none, or has it there already.
    insert into jobs.attempt (job_id, claim_no, attempt, session_id, status, reason, started_at, finished_at, error)
    select r.job_id, r.claim_no, r.attempt, r.session_id, r.status, r.reason, r.started_at, r.finished_at, r.error
      from jobs.run as r where r.job_id = _job_id and r.claim_no = _job.claim_no
        on conflict do nothing;
    perform jobs.reopen_flow(_job_id);  -- before the queueing lock is taken again: who starts a step holds its flow
    begin
        update procrastinate_jobs as j
           set status = 'todo', gate = case when j.lock is null then 0 else 1 end, scheduled_at = null,
               worker_id = null, abort_requested = false, crashes = null,
               finished_at = null, reason = null, error = null,
               max_attempts = case when j.max_attempts is not null then greatest(j.max_attempts, j.attempts + 1) end,
               expires_at = case when j.expires_at > clock_timestamp() then j.expires_at end
         where j.id = _job_id and j.status in ('failed', 'cancelled', 'aborted');
    exception when unique_violation then
        perform jobs.fail_with('OWQ01', 'another waiting job has this queueing lock', jsonb_build_object('job_id',
            (select o.id from procrastinate_jobs as o
              where o.status = 'todo' and o.queueing_lock = _job.queueing_lock)));
    end;
    if _job.run_id is not null then
        perform jobs.reopen_run(_job_id, _job.run_id);
    end if;
    insert into jobs.job_event (job_id, type, actor, reason) values (_job_id, 'retried', _actor, _reason);
    return json_build_object('status', 'ready', 'wake',
                             array['ow_job'] || jobs.channels(array[_job.queue_name]));
end
$$;
