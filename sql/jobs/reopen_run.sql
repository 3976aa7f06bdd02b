-- jobs.reopen_run: a member's job runs once more, so its run is open again and will be counted anew.
-- Caller: internal
-- Writes: jobs.schedule_member.status, .ended_at, jobs.schedule_run.state, .finished_at, .members, .succeeded, .failed, .outcome, .error
-- Raises: nothing
create or replace function jobs.reopen_run(_job_id bigint, _run_id bigint) returns void
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
begin
    -- The run first: whoever closes it counts before this or after it, never with half of it.
    perform from jobs.schedule_run as r where r.id = _run_id for no key update;
    update jobs.schedule_member as m set status = null, ended_at = null where m.job_id = _job_id;
    update jobs.schedule_run as r
       set state = 'running', finished_at = null, members = null, succeeded = null, failed = null, outcome = null, error = null
     where r.id = _run_id and r.state = 'finished';
end
$$;
