-- jobs.describe_end: what a webhook is told of a job's end: which and how, neither arguments nor results nor texts of errors.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.describe_end(_job_id bigint, _claim_no integer, _event text) returns jsonb
    language sql stable
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
as $$
    select jsonb_build_object(
               'id', j.id, 'task', j.task_name, 'queue', j.queue_name, 'key', d.key, 'run_id', j.run_id, 'status', _event,
               'reason', case when _event = 'failed' then coalesce(r.reason, j.reason) end, 'attempt', r.attempt,
               'created_at', j.created_at, 'started_at', r.started_at, 'finished_at', coalesce(r.finished_at, j.finished_at))
      from procrastinate_jobs as j
      left join jobs.job_detail as d on d.job_id = j.id
      left join jobs.run as r on r.job_id = j.id and r.claim_no = _claim_no
     where j.id = _job_id
$$;
