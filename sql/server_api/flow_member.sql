-- server_api.flow_member: the jobs of flows, of chains also the steps to come.
create view server_api.flow_member as
select m.flow_id, m.n, coalesce(j.task_name, m.job ->> 'task') as task, coalesce(j.queue_name, m.job ->> 'queue') as queue, m.job_id,
       coalesce(m.status, jobs.status_of(j.status, j.gate)) as status, m.ended_at, m.error
  from jobs.flow_member as m left join procrastinate.procrastinate_jobs as j on j.id = m.job_id;
