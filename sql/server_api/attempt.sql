-- server_api.attempt: the runs of a job that ended, with their results.
create view server_api.attempt as
select a.job_id, a.claim_no, a.attempt, a.status::text as status, a.reason::text as reason, s.name as worker,
       a.started_at, a.finished_at, a.result, a.error
  from jobs.run as a left join jobs.known_session as s on s.id = a.session_id;
