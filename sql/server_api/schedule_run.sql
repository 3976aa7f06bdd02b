-- server_api.schedule_run: the ledger; a run that is not over is counted as it stands.
create view server_api.schedule_run as
select r.id, r.schedule_id, r.schedule, r.trigger, r.state, r.planned_at, r.requested_at, r.started_at, r.finished_at,
       extract(epoch from coalesce(r.finished_at, clock_timestamp()) - r.started_at)::double precision as duration,
       r.actor, r.reason, r.request_id, r.args, r.force, r.missed, r.backfill_id, r.note,
       coalesce(r.members, m.members)::integer as members, coalesce(r.succeeded, m.succeeded)::integer as succeeded,
       coalesce(r.failed, m.failed)::integer as failed, coalesce(m.open, 0)::integer as open, r.outcome, r.error
  from jobs.schedule_run as r
  left join lateral (
       select count(*) as members, count(*) filter (where c.status = 'succeeded') as succeeded,
              count(*) filter (where c.job_id is null or c.status <> 'succeeded') as failed,
              count(*) filter (where c.job_id is not null and c.status is null) as open
         from jobs.schedule_member as c where c.run_id = r.id) as m on r.state = 'running';
