-- jobs.cancel: cancels a waiting job now; asks a running one to abort.
-- Caller: internal
-- Writes: procrastinate.procrastinate_jobs.status, .finished_at, .abort_requested, jobs.job_event.job_id, .type, .actor, .reason
-- Calls: jobs.channels, jobs.fail_with, jobs.locked_job, jobs.record_ends, jobs.unpark
-- Moves: todo -> cancelled
-- Raises: OWN01, OWN03, OWS01 {"status"}
create or replace function jobs.cancel(_job_id bigint, _actor text, _reason text) returns json
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
as $$
declare
    _job constant procrastinate_jobs := jobs.locked_job(_job_id);
    _wake text[] := array['ow_job'];
begin
    if _job.status = 'todo' then
        update procrastinate_jobs as j set status = 'cancelled', finished_at = clock_timestamp()
         where j.id = _job_id and j.status = 'todo';
        insert into jobs.job_event (job_id, type, actor, reason) values (_job_id, 'cancelled', _actor, _reason);
        _wake := _wake || jobs.record_ends(array[_job_id]) || jobs.channels(jobs.unpark(array[_job.lock]));
        return json_build_object('status', 'cancelled', 'wake', _wake);
    elsif _job.status = 'doing' then
        if not _job.abort_requested then
            update procrastinate_jobs as j set abort_requested = true where j.id = _job_id and j.status = 'doing';
            insert into jobs.job_event (job_id, type, actor, reason)
            values (_job_id, 'abort_requested', _actor, _reason);
        end if;
        return json_build_object('status', 'abort_requested', 'wake', _wake || format('ow_w_%s', _job.worker_id));
    end if;
    perform jobs.fail_with('OWS01', format('the job has %s', _job.status),
                           jsonb_build_object('status', _job.status));
end
$$;
