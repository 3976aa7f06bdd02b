-- inspect.attempts: every run that ended; results masked to their type.
create view inspect.attempts as
select a.job_id, a.attempt, a.claim_no, a.status::text as status, a.reason::text as reason, s.name as worker,
       a.started_at, a.finished_at, jobs.mask(a.result) as result, a.error
  from jobs.run as a left join jobs.known_session as s on s.id = a.session_id;
