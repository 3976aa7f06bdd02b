-- inspect.webhook_deliveries: what was sent to which webhook, and how it went.
create view inspect.webhook_deliveries as
select d.id, d.webhook, d.status, d.event, d.message_id, d.subject_job_id, d.subject_run_id, d.job_id, d.attempts,
       d.next_attempt_at, d.answered, d.error, d.replay_of, d.created_at, d.finished_at
  from server_api.webhook_delivery as d;
