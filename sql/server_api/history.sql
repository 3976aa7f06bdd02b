-- server_api.history: everything that happened to jobs, for the API.
create view server_api.history as
select h.job_id, h.id, h.place, h.at, h.type, h.actor, h.attempt, h.session, h.worker, h.reason, h.cause, h.detail
  from jobs.history as h;
