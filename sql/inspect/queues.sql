-- inspect.queues: each queue's backlog, age, pace of the last minute and whether it is paused.
create view inspect.queues as
select q.name as queue, w.ready, w.waiting, w.scheduled, r.running, f.failed_today, w.oldest_ready, w.next_scheduled,
       f.ended_last_minute, q.paused_at, q.paused_by, q.pause_reason
  from jobs.queue as q
  left join lateral (
       select count(*) filter (where j.gate < 2) as ready, count(*) filter (where j.gate = 3) as waiting,
              count(*) filter (where j.gate = 2) as scheduled,
              min(j.created_at) filter (where j.gate < 2) as oldest_ready, min(j.scheduled_at) as next_scheduled
         from procrastinate.procrastinate_jobs as j where j.status = 'todo' and j.queue_name = q.name) as w on true
  left join lateral (
       select count(*) as running from procrastinate.procrastinate_jobs as j
        where j.status = 'doing' and j.queue_name = q.name) as r on true
  left join lateral (
       select count(*) filter (where a.status = 'failed') as failed_today,
              count(*) filter (where a.finished_at > now() - interval '1 minute') as ended_last_minute
         from jobs.attempt as a join procrastinate.procrastinate_jobs as j on j.id = a.job_id
        where a.finished_at > now() - interval '1 day' and j.queue_name = q.name) as f on true;
