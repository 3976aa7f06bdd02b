-- inspect.history: everything that happened to jobs: who, what, when and why. It holds no argument and no result.
create view inspect.history as
select h.job_id, h.at, h.type, h.actor, h.attempt, h.session, h.worker, h.reason, h.cause ->> 'kind' as cause,
       h.cause ->> 'ref' as cause_ref, h.detail, h.id
  from jobs.history as h;
