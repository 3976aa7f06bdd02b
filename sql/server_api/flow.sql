-- server_api.flow: chains and groups, with their members counted as they stand.
create view server_api.flow as
select f.id, f.kind, f.rule, f.parent_id, f.state, f.results, f.callback ->> 'task' as callback_task, f.callback_job_id, f.error,
       f.actor, f.request_id, f.created_at, f.finished_at, m.members::integer, m.started::integer, m.succeeded::integer, m.failed::integer
  from jobs.flow as f cross join lateral (
       select count(*) as members, count(*) filter (where c.job_id is not null) as started,
              count(*) filter (where c.status = 'succeeded') as succeeded,
              count(*) filter (where c.status <> 'succeeded') as failed
         from jobs.flow_member as c where c.flow_id = f.id) as m;
