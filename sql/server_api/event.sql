-- server_api.event: what happened to a job, from the facts; an event's id never changes.
create view server_api.event as
select j.id as job_id, '0' as id, j.created_at as at, 'created' as type, null::integer as attempt,
       null::jsonb as detail
  from procrastinate.procrastinate_jobs as j
union all
select j.id, j.claim_no || 's', j.started_at, 'started', j.attempts + 1, null
  from procrastinate.procrastinate_jobs as j where j.status = 'doing' and j.started_at is not null
union all
select a.job_id, a.claim_no || 's', a.started_at, 'started', a.attempt, null
  from jobs.run as a where a.started_at is not null
union all
select a.job_id, a.claim_no || 'f', a.finished_at, case a.status when 'retried' then 'retrying' else a.status::text end,
       a.attempt, nullif(jsonb_strip_nulls(jsonb_build_object('reason', a.reason, 'error', a.error)), '{}')
  from jobs.run as a
union all
select e.job_id, 'e' || e.id, e.at, e.type, null,
       nullif(jsonb_strip_nulls(coalesce(e.detail, '{}') || jsonb_build_object('actor', e.actor, 'reason', e.reason)), '{}')
  from jobs.job_event as e;
