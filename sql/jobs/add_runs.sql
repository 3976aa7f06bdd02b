-- jobs.add_runs: enters fires into the ledger, each running, pending or skipped as its schedule's rule says; answers them, with the members of those that run.
-- Caller: internal
-- Writes: jobs.schedule_run.schedule_id, .schedule, .trigger, .state, .planned_at, .requested_at, .started_at, .finished_at, .missed, .note
-- Raises: class 22 and 23 for content that the tables refuse
create or replace function jobs.add_runs(_fires jsonb, _now timestamptz) returns jsonb
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
    set enable_seqscan = off set enable_mergejoin = off
as $$
declare
    _runs jsonb;
begin
    -- A run opens if a member has a job. Runs of one call block each other as those do that are open already.
    with fire as (
        select s.id, s.name, coalesce(s.effective ->> 'overlapping', 'skip') as rule, x.*,
               not x.skipped and x.members @? '$[*] ? (@.job != null)' as opens
          from jsonb_array_elements(_fires) as f
          join jobs.schedule as s on s.id = (f ->> 'id')::bigint
         cross join lateral rows from (jsonb_to_recordset(f -> 'runs') as (
               planned_at timestamptz, trigger text, missed integer, skipped boolean, members jsonb))
               with ordinality as x(planned_at, trigger, missed, skipped, members, ord)
    ), ranked as (
        select f.*, o.last, o.pending,
               count(*) filter (where f.opens) over (partition by f.id order by f.ord
                                                     rows between unbounded preceding and 1 preceding) as before,
               count(*) filter (where f.opens) over (partition by f.id order by f.ord
                                                     rows between 1 following and unbounded following) as after
          from fire as f cross join lateral (
               select max(r.id) as last, count(*) filter (where r.state = 'pending') as pending
                 from jobs.schedule_run as r
                where r.schedule_id = f.id and r.state in ('pending', 'running') and r.backfill_id is null) as o
    ), decided as (
        select k.*,
               case when k.skipped then 'skipped'
                    when k.rule = 'allow' then 'running'
                    when k.rule = 'cancel_running' then
                         case when k.after > 0 then 'skipped' when k.last is null then 'running' else 'pending' end
                    when k.last is null and k.before = 0 then 'running'
                    when k.rule = 'queue' and k.pending + k.before - (k.last is null)::integer < 100 then 'pending'
                    else 'skipped' end as state
          from ranked as k
    ), entered as (
        insert into jobs.schedule_run
              (schedule_id, schedule, trigger, state, planned_at, requested_at, started_at, finished_at, missed, note)
        select d.id, d.name, d.trigger, d.state, d.planned_at, _now, case when d.state = 'running' then _now end,
               case when d.state = 'skipped' then _now end, d.missed,
               case when d.state = 'running' then null
                    when d.skipped then 'missed'
                    when d.state = 'pending' then format('after %s', coalesce('run ' || d.last, 'the one before it'))
                    when d.rule = 'queue' then '100 runs wait already'
                    when d.rule = 'cancel_running' then 'superseded by a later one'
                    else format('%s is open', coalesce('run ' || d.last, 'the one before it')) end
          from decided as d order by d.id, d.ord
        -- A time that is in the ledger has fired, whatever the mark says.
        on conflict (schedule_id, planned_at) where trigger in ('cron', 'catch-up') do nothing
        returning id, schedule_id, planned_at, state
    )
    select coalesce(jsonb_agg(jsonb_build_object(
               'run_id', e.id, 'members', case when e.state = 'running' then d.members end) order by e.id), '[]')
      into _runs
      from entered as e join decided as d on d.id = e.schedule_id and d.planned_at = e.planned_at;
    return _runs;
end
$$;
