-- server_api.child: the jobs that follow from the end of another, each with the flow that it belongs to.
-- Each cause reads its own range of ids: `offset 0` keeps the planner from hashing the whole job table against the causes.
create view server_api.child as
select j.id, c.parent_id, j.task_name as task, j.queue_name as queue, jobs.status_of(j.status, j.gate) as status,
       j.created_at, j.started_at, j.finished_at, coalesce(m.flow_id, f.id) as flow_id
  from jobs.cause as c
 cross join lateral (select o.* from procrastinate.procrastinate_jobs as o
                      where o.id between c.first_job and c.last_job and o.cause_id = c.id offset 0) as j
  left join jobs.flow_member as m on m.job_id = j.id
  left join jobs.flow as f on f.callback_job_id = j.id
 where c.parent_id is not null;
