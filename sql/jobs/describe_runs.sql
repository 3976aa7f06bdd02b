-- jobs.describe_runs: runs that were just made or started, as the scheduler is told of them.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.describe_runs(_ids bigint[]) returns json
    language sql stable
    set search_path = pg_catalog, jobs, pg_temp
as $$
    select coalesce(json_agg(json_build_object(
               'run_id', r.id, 'schedule_id', r.schedule_id, 'state', r.state,
               'jobs', (select count(m.job_id) from jobs.schedule_member as m where m.run_id = r.id)) order by r.id), '[]')
      from jobs.schedule_run as r where r.id = any (_ids)
$$;
