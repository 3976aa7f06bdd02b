-- jobs.end_members: records in their runs how those of these jobs that ended did; answers the channel to signal, if there is a run.
-- Caller: internal
-- Writes: jobs.schedule_member.status, .ended_at
-- Raises: nothing
create or replace function jobs.end_members(_jobs bigint[]) returns text[]
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
begin
    -- Only what this transaction has just ended has its row open still: no lock of a run, nothing to wait for.
    update jobs.schedule_member as m set status = j.status, ended_at = j.finished_at
      from procrastinate_jobs as j
     where m.job_id = any (_jobs) and m.status is null and j.id = m.job_id
       and j.status in ('succeeded', 'failed', 'cancelled', 'aborted');
    return case when found then array['ow_fire'] else '{}' end;
end
$$;
