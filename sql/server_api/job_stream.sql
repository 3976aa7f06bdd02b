-- server_api.job_stream: how a job stands and how far its notes go: what its streams are made of.
create view server_api.job_stream as
select j.id, j.task_name as task, j.queue_name as queue, jobs.status_of(j.status, j.gate) as status,
       j.attempts + (j.status = 'doing')::integer as attempt, j.claim_no, j.abort_requested,
       case when j.status = 'doing' then s.name end as worker, coalesce(j.scheduled_at, j.due_at) as run_at,
       j.started_at, j.finished_at, case when j.status = 'failed' then j.reason::text end as reason,
       coalesce(n.claim_no, 0) as note_claim, coalesce(n.seq, 0) as note_seq, n.progress, n.at as said_at, n.truncated_at
  from procrastinate.procrastinate_jobs as j
  left join jobs.stream as n on n.job_id = j.id
  left join jobs.session as s on s.id = j.worker_id;
