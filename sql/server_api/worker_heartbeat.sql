-- server_api.worker_heartbeat: the last heartbeats of each worker; those of sessions are sampled by the checks.
create view server_api.worker_heartbeat as
select h.id, h.worker_id, h.at, h.session_id as session from jobs.worker_heartbeat as h;
