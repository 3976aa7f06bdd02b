-- inspect.queues: each queue's backlog and age, what runs, what ended lately, and whether it is paused.
create view inspect.queues as
with waiting as (
    select j.queue_name, count(*) filter (where j.gate < 2) as ready, count(*) filter (where j.gate = 3) as waiting,
           count(*) filter (where j.gate = 2) as scheduled,
           min(j.created_at) filter (where j.gate < 2) as oldest_ready, min(j.scheduled_at) as next_scheduled
      from procrastinate.procrastinate_jobs as j where j.status = 'todo' group by 1
), running as (
    select j.queue_name, count(*) as running from procrastinate.procrastinate_jobs as j where j.status = 'doing' group by 1
), ended as (
    select j.queue_name, count(*) filter (where j.status = 'failed') as failed_last_hour,
           count(*) filter (where j.finished_at > now() - interval '1 minute') as ended_last_minute
      from procrastinate.procrastinate_jobs as j where j.finished_at > now() - interval '1 hour' group by 1
)
select q.name as queue, coalesce(w.ready, 0) as ready, coalesce(w.waiting, 0) as waiting,
       coalesce(w.scheduled, 0) as scheduled, coalesce(r.running, 0) as running,
       coalesce(e.failed_last_hour, 0) as failed_last_hour, coalesce(e.ended_last_minute, 0) as ended_last_minute,
       w.oldest_ready, w.next_scheduled, q.paused_at, q.paused_by, q.pause_reason
  from jobs.queue as q
  left join waiting as w on w.queue_name = q.name
  left join running as r on r.queue_name = q.name
  left join ended as e on e.queue_name = q.name;
