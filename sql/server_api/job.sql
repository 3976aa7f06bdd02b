-- server_api.job: a job as the API shows it.
create view server_api.job as
select j.id, j.task_name as task, j.queue_name as queue, j.priority, j.lock, j.queueing_lock, d.key, j.args,
       jobs.status_of(j.status, j.gate) as status, j.attempts, j.max_attempts, j.timeout,
       coalesce(j.scheduled_at, j.due_at) as run_at, j.created_at, j.started_at,
       j.finished_at, j.expires_at, j.abort_requested,
       case when j.status = 'failed' then j.reason::text end as reason, j.result, j.error, j.crashes,
       case when j.status = 'doing' then s.name end as worker,
       case when j.run_id is not null then jsonb_strip_nulls(jsonb_build_object(
                'kind', case when r.trigger = 'manual' then 'operator' else 'schedule' end, 'actor', r.actor,
                'request_id', r.request_id, 'ref', concat_ws(' of ', 'run ' || j.run_id, r.schedule), 'reason', r.reason))
            when c.id is not null then jsonb_strip_nulls(jsonb_build_object(
                'kind', c.kind, 'actor', c.actor, 'request_id', c.request_id, 'ref', c.ref, 'reason', c.reason))
            when j.actor is not null then jsonb_strip_nulls(jsonb_build_object(
                'kind', 'http', 'actor', j.actor, 'request_id', j.request_id)) end as cause,
       j.run_id, c.parent_id, n.progress
  from procrastinate.procrastinate_jobs as j
  left join jobs.job_detail as d on d.job_id = j.id
  left join jobs.cause as c on c.id = j.cause_id
  left join jobs.schedule_run as r on r.id = j.run_id
  left join jobs.session as s on s.id = j.worker_id
  left join jobs.stream as n on n.job_id = j.id;
