-- jobs.locked_job: a job's row, locked for a change of its state.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.fail_with, jobs.is_gone
-- Raises: OWN01, OWN03
create or replace function jobs.locked_job(_job_id bigint) returns procrastinate.procrastinate_jobs
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
as $$
declare
    _job procrastinate_jobs;
begin
    select j.* into _job from procrastinate_jobs as j where j.id = _job_id for update;
    if not found then
        if jobs.is_gone(_job_id) then
            perform jobs.fail_with('OWN03', 'the job is gone', jsonb_build_object('job_id', _job_id));
        end if;
        perform jobs.fail_with('OWN01', 'no such job', jsonb_build_object('job_id', _job_id));
    end if;
    return _job;
end
$$;
