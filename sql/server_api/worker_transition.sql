-- server_api.worker_transition: the changes of status of each worker, and who made them.
create view server_api.worker_transition as
select t.id, t.worker_id, t.at, t.from_status::text as from_status, t.to_status::text as to_status, t.actor, t.reason
  from jobs.worker_transition as t;
