-- server_api.worker_job: the jobs that each worker holds now, running or about to, by session.
create view server_api.worker_job as
select s.worker_id, s.id as session, j.id, j.task_name as task, j.queue_name as queue, j.attempts + 1 as attempt,
       j.started_at, j.abort_requested
  from jobs.session as s
  join procrastinate.procrastinate_jobs as j on j.worker_id = s.id and j.status = 'doing';
