-- server_api.dead_letter: events that nobody tries any more, with the last error of their handlers.
create view server_api.dead_letter as
select o.id, o.consumer, o.event, o.task, j.queue_name as queue, o.job_id, o.run_id, o.order_key, o.attempts, o.error, o.at,
       o.parked_at
  from jobs.outbox as o left join procrastinate.procrastinate_jobs as j on j.id = o.job_id
 where o.parked_at is not null;
