-- inspect.schedules: what fires when, and how it went last; the definition's arguments masked to the types of their values.
create view inspect.schedules as
select s.name, case when s.vanished_at is not null then 'vanished' when s.paused_at is not null then 'paused'
                    when not s.enabled then 'disabled' when s.plan_error is not null then 'broken' else 'active' end as state,
       coalesce(s.effective ->> 'cron', 'every ' || (s.effective ->> 'every') || ' s',
                'at ' || jsonb_array_length(s.effective -> 'at') || ' times') as fires,
       coalesce(s.effective ->> 'timezone', 'UTC') as timezone, s.effective -> 'target' as target,
       s.next_fire_at, s.next_fire_at - now() as fires_in, s.last_fire_at, s.last_outcome, s.last_error, s.last_run_id,
       cardinality(s.open_run_ids) as open_runs, coalesce(s.effective ->> 'missed', 'once') as missed,
       coalesce(s.effective ->> 'overlapping', 'skip') as overlapping, s.plan_error, s.paused_at, s.paused_by,
       s.paused_reason, s.origin, s.source,
       s.effective || coalesce(jsonb_set('{}', '{args}', jobs.mask(s.effective -> 'args')), '{}') as definition,
       array(select k from jsonb_object_keys(s.changes) as k order by 1) as changed, s.revision, s.updated_at, s.updated_by
  from server_api.schedule as s;
