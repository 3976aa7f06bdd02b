-- server_api.subscription: who is told of which ends.
create view server_api.subscription as
select s.consumer, s.task, s.event, s.ordered_by, s.handlers, s.published_at from jobs.subscription as s;
