-- jobs.erase: deletes finished jobs with all that was recorded of them; answers those that were there.
-- Caller: internal
-- Writes: procrastinate.procrastinate_jobs (deletes finished jobs), jobs.attempt (deletes their earlier runs), jobs.job_event (deletes theirs), jobs.job_detail (deletes theirs), jobs.secret_use (deletes theirs), jobs.stream (deletes theirs), jobs.note (deletes theirs), jobs.webhook_delivery (deletes those that they were), jobs.cause (deletes those that no job has any more), jobs.flow (deletes those that no job belongs to any more)
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
    with silent as (
        delete from jobs.stream as s where s.job_id = any (_gone) returning s.job_id
    )
    delete from jobs.note as n where n.job_id in (select s.job_id from silent as s);
    delete from jobs.webhook_delivery as w where w.job_id = any (_gone);
    -- The jobs of a call share its cause: it goes with the last of the ids that the call drew.
    delete from jobs.cause as c
     where c.id = any (_causes) and not exists (
           select from procrastinate_jobs as j
            where j.id between c.first_job and c.last_job and j.cause_id = c.id);
    if exists (select from jobs.flow) then
        delete from jobs.flow as f
         where f.id in (select m.flow_id from jobs.flow_member as m where m.job_id = any (_gone)
                         union
                        select o.id from jobs.flow as o where o.callback_job_id = any (_gone)
                         union
                        select o.id from jobs.flow as o where o.parent_id = any (_gone))
           and f.state <> 'running'
           and not exists (select from procrastinate_jobs as j where j.id = f.callback_job_id)
           and not exists (select from jobs.flow_member as m join procrastinate_jobs as j on j.id = m.job_id
                            where m.flow_id = f.id);
    end if;
    return _gone;
end
$$;
