-- inspect.flows: chains and groups, how far they are and who started them; the arguments of callbacks masked to the types of their values.
create view inspect.flows as
select f.id, f.kind, f.rule, f.state, f.parent_id, f.actor as started_by, f.created_at, f.finished_at,
       coalesce(f.finished_at, clock_timestamp()) - f.created_at as duration, f.members, f.started, f.succeeded, f.failed,
       f.results, f.callback_task, jobs.mask(c.callback -> 'args') as callback_args, f.callback_job_id, f.error
  from server_api.flow as f join jobs.flow as c on c.id = f.id;
