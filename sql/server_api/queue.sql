-- server_api.queue: the queues that jobs were ever put into.
create view server_api.queue as
select q.name, q.created_at, q.paused_at, q.paused_by, q.pause_reason from jobs.queue as q;
