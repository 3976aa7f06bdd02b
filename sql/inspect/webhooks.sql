-- inspect.webhooks: who is told of what, and whether they still answer.
create view inspect.webhooks as
select w.name, case when w.enabled then case when w.failures > 0 then 'failing' else 'enabled' end else 'disabled' end as state,
       w.url, w.events, w.tasks, w.description, w.disabled_at, w.disabled_by, w.disabled_reason, w.failing_since, w.failures,
       w.rotated_at, w.revision, w.created_at, w.created_by, w.updated_at, w.updated_by
  from server_api.webhook as w;
