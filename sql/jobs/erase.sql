-- jobs.erase: deletes finished jobs with all that was recorded of them; answers those that were there.
-- Caller: internal
-- Writes: procrastinate.procrastinate_jobs (deletes finished jobs), jobs.attempt (deletes their earlier runs), jobs.job_event (deletes theirs), jobs.job_detail (deletes theirs), jobs.secret_use (deletes theirs), jobs.cause (deletes those that no job has any more)
-- Moves: succeeded|failed|cancelled|aborted -> gone
-- Raises: nothing
create or replace function jobs.erase(_ids bigint[]) returns bigint[]
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
    set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
    _gone bigint[];
    _causes bigint[];
begin
    with gone as (
        delete from procrastinate_jobs as j
         where j.id = any (_ids) and j.status in ('succeeded', 'failed', 'cancelled', 'aborted')
        returning j.id, j.cause_id
    )
    select coalesce(array_agg(g.id), '{}'), array_agg(distinct g.cause_id) filter (where g.cause_id is not null)
      into _gone, _causes
      from gone as g;
    delete from jobs.attempt as a where a.job_id = any (_gone);
    delete from jobs.job_event as e where e.job_id = any (_gone);
    delete from jobs.job_detail as d where d.job_id = any (_gone);
    delete from jobs.secret_use as u where u.job_id = any (_gone);
    -- The jobs of a call share its cause: it goes with the last of the ids that the call drew.
    delete from jobs.cause as c
     where c.id = any (_causes) and not exists (
           select from procrastinate_jobs as j
            where j.id between c.first_job and c.last_job and j.cause_id = c.id);
    return _gone;
end
$$;
