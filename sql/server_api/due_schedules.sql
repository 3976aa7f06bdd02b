-- server_api.due_schedules: what the scheduler has to do now: schedules to plan, schedules to fire, runs to start; and until when it may sleep.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.is_active, jobs.plan
-- Raises: nothing
create or replace function server_api.due_schedules(_now timestamptz default null, _limit integer default 200) returns json
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
    set enable_seqscan = off set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
    -- The database's clock is the one that counts, whatever the clocks of schedulers say.
    _at constant timestamptz := coalesce(_now, clock_timestamp());
    _quiet jsonb;  -- changed, and fire no more
begin
    select jsonb_agg(jsonb_build_object('id', s.id, 'revision', s.revision)) into _quiet
      from jobs.schedule as s where s.planned_revision is distinct from s.revision and not jobs.is_active(s);
    if _quiet is not null then
        perform jobs.plan(_quiet);
    end if;
    return json_build_object(
        'now', _at,
        'unplanned', (
            select coalesce(json_agg(json_build_object(
                       'id', u.id, 'name', u.name, 'revision', u.revision, 'definition', u.effective,
                       'fired_until', u.fired_until)), '[]')
              from (select s.* from jobs.schedule as s
                     where s.planned_revision is distinct from s.revision and jobs.is_active(s)
                     order by s.id limit _limit) as u),
        'due', (
            select coalesce(json_agg(json_build_object(
                       'id', d.id, 'name', d.name, 'revision', d.revision, 'definition', d.effective,
                       'fired_until', d.fired_until, 'next_fire_at', d.next_fire_at)), '[]')
              from (select s.* from jobs.schedule as s
                     where s.next_wake_at <= _at and s.planned_revision = s.revision
                     order by s.next_wake_at limit _limit) as d),
        'startable', (
            select coalesce(json_agg(json_build_object(
                       'run_id', r.id, 'schedule_id', s.id, 'name', s.name, 'definition', s.effective,
                       'planned_at', r.planned_at, 'trigger', r.trigger, 'args', r.args) order by r.id), '[]')
              from (select p.id from jobs.startable_run as p order by p.id limit _limit) as p
              join jobs.schedule_run as r on r.id = p.id
              join jobs.schedule as s on s.id = r.schedule_id),
        'next', (
            select case when min(s.next_wake_at) is not null
                        then greatest(0, extract(epoch from min(s.next_wake_at) - _at)) end
              from jobs.schedule as s where s.next_wake_at is not null));
end
$$;
