-- server_api.schedule: the schedules, each with what it did last and what is open.
create view server_api.schedule as
select s.id, s.name, s.origin, s.source, s.effective, s.definition, s.changes, s.revision,
       s.effective -> 'enabled' is distinct from 'false' as enabled, s.paused_at, s.paused_by, s.paused_reason,
       s.vanished_at, s.created_at, s.created_by, s.updated_at, s.updated_by,
       case when s.paused_at is null and s.vanished_at is null and s.effective -> 'enabled' is distinct from 'false'
                 and s.planned_revision = s.revision then s.next_fire_at end as next_fire_at,
       s.fired_until, case when s.planned_revision = s.revision then s.plan_error end as plan_error,
       r.id as last_run_id, r.started_at as last_fire_at, r.outcome as last_outcome, r.error as last_error,
       array(select o.id from jobs.schedule_run as o
              where o.schedule_id = s.id and o.state in ('pending', 'running') and o.backfill_id is null
              order by o.id) as open_run_ids
  from jobs.schedule as s
  left join lateral (
       select l.id, l.started_at, l.outcome, l.error from jobs.schedule_run as l
        where l.schedule_id = s.id and l.started_at is not null order by l.id desc limit 1) as r on true;
comment on column server_api.schedule.next_fire_at is 'Null while it is not to fire, and until the scheduler has planned its revision.';
comment on column server_api.schedule.last_fire_at is 'When the newest run that started did so; last_outcome is null while it runs.';
comment on column server_api.schedule.open_run_ids is 'Waiting or running; those of backfills are not among them.';
