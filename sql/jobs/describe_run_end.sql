-- jobs.describe_run_end: what a webhook is told of a schedule's run that is over.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.describe_run_end(_run_id bigint) returns jsonb
    language sql stable
    set search_path = pg_catalog, jobs, pg_temp
as $$
    select jsonb_build_object(
               'id', r.id, 'schedule', r.schedule, 'trigger', r.trigger, 'planned_at', r.planned_at,
               'started_at', r.started_at, 'finished_at', r.finished_at, 'outcome', r.outcome, 'members', r.members,
               'succeeded', r.succeeded, 'failed', r.failed)
      from jobs.schedule_run as r where r.id = _run_id
$$;
