-- server_api.webhook_delivery: what was sent to which webhook, or will be; how it went is the state of its job.
create view server_api.webhook_delivery as
select d.id, w.name as webhook, d.message_id, d.event, d.subject_job_id, d.subject_run_id, d.job_id, d.replay_of,
       d.created_at,
       case j.status when 'succeeded' then 'delivered' when 'failed' then 'failed' when 'cancelled' then 'cancelled'
                     when 'aborted' then 'cancelled' else 'pending' end as status,
       j.attempts, j.scheduled_at as next_attempt_at,
       case when j.status <> 'todo' or j.attempts = 0 then j.finished_at end as finished_at,
       (j.result ->> 'status')::integer as answered,
       case when j.status in ('todo', 'doing') then l.error else j.error end as error
  from jobs.webhook_delivery as d
  join jobs.webhook as w on w.id = d.webhook_id
  join procrastinate.procrastinate_jobs as j on j.id = d.job_id
  left join lateral (
       select a.error from jobs.attempt as a
        where a.job_id = d.job_id and j.status in ('todo', 'doing') order by a.claim_no desc limit 1) as l on true;
comment on column server_api.webhook_delivery.status is 'pending, delivered, failed (a dead letter), or cancelled.';
comment on column server_api.webhook_delivery.answered is 'The HTTP status of an endpoint that took it.';
