-- inspect.schedule_runs: every run of a schedule, with who asked for it and how it ended; arguments masked to the types of their values.
create view inspect.schedule_runs as
select r.id, r.schedule, r.trigger, r.state, r.outcome, r.planned_at, r.started_at, r.finished_at,
       r.started_at - r.planned_at as lateness, coalesce(r.finished_at, clock_timestamp()) - r.started_at as duration,
       m.members, m.succeeded, m.failed, m.open, r.missed, r.actor, r.reason, jobs.mask(r.args) as args, r.force,
       r.backfill_id, r.note, r.error
  from jobs.schedule_run as r cross join lateral (
       select count(*) as members, count(*) filter (where c.status = 'succeeded') as succeeded,
              count(*) filter (where c.job_id is null or c.status <> 'succeeded') as failed,
              count(*) filter (where c.job_id is not null and c.status is null) as open
         from jobs.schedule_member as c where c.run_id = r.id) as m;
