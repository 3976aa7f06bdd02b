-- inspect.jobs: every job with its state in the API's words; arguments masked to the types of their values.
create view inspect.jobs as
select j.id, j.queue_name as queue, j.task_name as task, jobs.status_of(j.status, j.gate) as status, j.priority, j.lock,
       j.queueing_lock, d.key, jobs.mask(j.args) as args, j.attempts, j.max_attempts, j.timeout,
       coalesce(j.scheduled_at, j.due_at) as run_at, j.created_at, j.started_at, j.expires_at, j.abort_requested,
       j.finished_at, j.reason::text as reason, j.crashes, j.claim_no, s.name as worker,
       case when j.gate = 3 and j.status = 'todo' then (
           select d.id from procrastinate.procrastinate_jobs as d where d.lock = j.lock and d.status = 'doing') end
           as blocked_by,
       coalesce(c.kind, case when r.trigger = 'manual' then 'operator' when j.run_id is not null then 'schedule'
                             when j.actor is not null then 'http' end) as cause,
       coalesce(c.actor, r.actor, j.actor) as caused_by, coalesce(c.reason, r.reason) as cause_reason, j.run_id
  from procrastinate.procrastinate_jobs as j
  left join jobs.job_detail as d on d.job_id = j.id
  left join jobs.session as s on s.id = j.worker_id and j.status = 'doing'
  left join jobs.cause as c on c.id = j.cause_id
  left join jobs.schedule_run as r on r.id = j.run_id;
