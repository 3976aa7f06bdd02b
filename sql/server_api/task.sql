-- server_api.task: the catalogue of tasks.
create view server_api.task as
select t.name, t.source, t.queue, t.priority, t.lock, t.queueing_lock, t.description, t.schema, t.retry, t.timeout,
       t.max_attempts, t."group", t.aliases, t.events, t.published_at
  from jobs.task as t;
