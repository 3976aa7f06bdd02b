-- server_api.webhook: the webhooks by name; the value of the secret is not among it.
create view server_api.webhook as
select w.id, w.name, w.url, w.events, w.tasks, w.description, w.revision, w.disabled_at is null as enabled, w.disabled_at,
       w.disabled_by, w.disabled_reason, w.rotated_at, w.failing_since, w.failures, w.created_at, w.created_by,
       w.updated_at, w.updated_by
  from jobs.webhook as w;
comment on column server_api.webhook.failures is 'Messages that became dead letters since the last one that arrived.';
