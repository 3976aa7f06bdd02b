-- jobs.run: every run that ended: those after which the job ran again, and the last one, which stands in the job's row.
create view jobs.run as
select a.job_id, a.claim_no, a.attempt, a.session_id, a.status, a.reason, a.started_at, a.finished_at,
       null::jsonb as result, a.error
  from jobs.attempt as a
union all
select j.id, j.claim_no, j.attempts, j.worker_id, j.status::text::jobs.attempt_status, j.reason, j.started_at,
       j.finished_at, j.result, j.error
  from procrastinate.procrastinate_jobs as j
 where j.status in ('succeeded', 'failed', 'aborted') and j.worker_id is not null;
