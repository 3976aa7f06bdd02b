-- inspect.dead_letters: ends whose handlers raised too often, or for which nobody subscribes any more; arguments masked.
create view inspect.dead_letters as
select d.id, d.consumer, d.event, d.task, d.queue, d.job_id, d.run_id, jobs.mask(j.args) as args, d.order_key, d.attempts,
       d.error, d.at, d.parked_at
  from server_api.dead_letter as d left join procrastinate.procrastinate_jobs as j on j.id = d.job_id
 order by d.id;
