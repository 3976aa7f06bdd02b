-- worker_api.running: the calling login's own running jobs.
create view worker_api.running with (security_barrier) as
select j.id, j.claim_no, j.queue_name as queue, j.task_name as task, j.args, j.attempts, j.priority, j.lock,
       j.started_at, j.timeout, j.abort_requested, s.id as session, s.name as worker
  from procrastinate.procrastinate_jobs as j
  join jobs.session as s on s.id = j.worker_id
 where j.status = 'doing' and s.login = session_user;
