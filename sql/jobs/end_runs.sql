-- jobs.end_runs: finishes those of these running runs that have no open member, counts how their members ended, tells webhooks.
-- Caller: internal
-- Writes: jobs.schedule_run.state, .finished_at, .members, .succeeded, .failed, .outcome, .error, jobs.outbox.consumer, .event, .run_id, .order_key, .at
-- Calls: jobs.notify
-- Raises: nothing
create or replace function jobs.end_runs(_ids bigint[]) returns json
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
    _closed json;
    _told boolean;
begin
    -- Not by `state`, which would lead the planner to the index of all that run: the rows come by id.
    with counted as materialized (
        select r.id, count(m.n) as members, count(*) filter (where m.status = 'succeeded') as succeeded,
               min(m.n) filter (where m.status is distinct from 'succeeded') as first_failed, max(m.ended_at) as ended_at
          from unnest(_ids) as r(id) left join jobs.schedule_member as m on m.run_id = r.id
         group by r.id
        having count(*) filter (where m.job_id is not null and m.status is null) = 0
    ), ended as (
        update jobs.schedule_run as r
           set state = 'finished', finished_at = greatest(r.started_at, c.ended_at), members = c.members,
               succeeded = c.succeeded, failed = c.members - c.succeeded,
               outcome = case c.succeeded when 0 then 'failed' when c.members then 'succeeded' else 'partial' end,
               error = case when c.members = 0 then 'it had no member' else (
                       select left(coalesce(m.error ->> 'message', j.error, j.reason::text, m.status), 1000)
                          from jobs.schedule_member as m left join procrastinate_jobs as j on j.id = m.job_id
                         where m.run_id = r.id and m.n = c.first_failed) end
          from counted as c
         where r.id = c.id and r.started_at is not null and r.finished_at is null
        returning r.id, r.schedule, r.outcome, r.finished_at
    ), told as (
        insert into jobs.outbox (consumer, event, run_id, order_key, at)
        select 'webhooks', 'finished', e.id, 'run ' || e.id, e.finished_at from ended as e
         where exists (select from jobs.webhook as w
                        where w.disabled_at is null and w.events && '{run.finished,run.*,*}'::text[])
        returning 1
    )
    select coalesce(json_agg(json_build_object('run_id', e.id, 'schedule', e.schedule, 'outcome', e.outcome) order by e.id), '[]'),
           exists (select from told)
      into _closed, _told from ended as e;
    if _told then
        perform jobs.notify(array['ow_hook']);
    end if;
    return _closed;
end
$$;
