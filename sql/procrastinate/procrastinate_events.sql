-- procrastinate.procrastinate_events: what happened to jobs, in Procrastinate's words, derived from the facts.
create view procrastinate.procrastinate_events as
select j.id * 1048576 as id, j.id as job_id, 'deferred'::procrastinate.procrastinate_job_event_type as type, j.created_at as at
  from procrastinate.procrastinate_jobs as j
union all
select j.id * 1048576 + j.claim_no * 4 + 1, j.id, 'started', j.started_at
  from procrastinate.procrastinate_jobs as j where j.status = 'doing'
union all
select a.job_id * 1048576 + a.claim_no * 4 + 1, a.job_id, 'started', a.started_at from jobs.run as a
union all
select a.job_id * 1048576 + a.claim_no * 4 + 2, a.job_id,
       case a.status when 'retried' then 'deferred_for_retry' when 'lost' then 'deferred_for_retry'
                     else a.status::text end::procrastinate.procrastinate_job_event_type,
       a.finished_at
  from jobs.run as a
union all
select e.job_id * 1048576 + 524288 + row_number() over (partition by e.job_id order by e.id), e.job_id,
       case e.type when 'expired' then 'cancelled' when 'rescheduled' then 'scheduled' when 'run_now' then 'scheduled'
                   else e.type end::procrastinate.procrastinate_job_event_type,
       e.at
  from jobs.job_event as e
 where e.type in ('cancelled', 'expired', 'abort_requested', 'retried', 'run_now', 'rescheduled');
