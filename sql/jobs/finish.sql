-- jobs.finish: ends runs that the session still holds, with their results; answers how many, their locks, and what to signal of them.
-- Caller: internal
-- Writes: procrastinate.procrastinate_jobs.status, .attempts, .abort_requested, .started_at, .finished_at, .result, .error, .reason, jobs.outbox.job_id, .claim_no, .event, .at
-- Calls: jobs.end_members
-- Moves: doing -> succeeded|failed|aborted
-- Raises: class 22 and 23 for content that the tables refuse
create or replace function jobs.finish(
    _session bigint, _ids bigint[], _claims integer[], _results text[], _failures text[],
    out ended integer, out locks text[], out signals text[])
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_nestloop = off set enable_mergejoin = off set enable_seqscan = off set enable_bitmapscan = off
    set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
    _now constant timestamptz := clock_timestamp();
    _listened constant boolean := exists (select from jobs.subscription);
begin
    -- A failure is [status, error, reason]; where there is none the run succeeded.
    -- `status in (doing, aborting)` keeps the planner from the partial indexes: the rows come by id, hashed to the items.
    with ended as (
        update procrastinate_jobs as j
           set status = case when i.failure is null then 'succeeded'::procrastinate_job_status
                             when i.failure::jsonb ->> 0 = 'aborted' then 'aborted' else 'failed' end,
               attempts = j.attempts + 1, abort_requested = false,
               started_at = coalesce(j.started_at, _now), finished_at = _now,
               result = nullif(i.result, 'null')::jsonb, error = i.failure::jsonb ->> 1,
               reason = (i.failure::jsonb ->> 2)::jobs.failure_reason
          from unnest(_ids, _claims, _results, _failures) as i(id, claim_no, result, failure)
         where j.id = any (_ids) and j.id = i.id and j.claim_no = i.claim_no and j.worker_id = _session
           and j.status in ('doing', 'aborting')
        returning j.id, j.claim_no, j.status, j.lock, j.task_name
    ), event as (
        insert into jobs.outbox (job_id, claim_no, event, at)
        select e.id, e.claim_no, e.status::text, _now from ended as e
         where _listened and exists (select from jobs.subscription as s
                                      where s.task = e.task_name and s.event in (e.status::text, '*'))
        returning 1
    )
    select count(*), array_agg(distinct e.lock) filter (where e.lock is not null),
           case when exists (select from event) then array['ow_out'] end
      into ended, locks, signals
      from ended as e;
    -- One look for all: a run that waits for one of these jobs runs.
    if exists (select from jobs.schedule_run as r where r.state = 'running') then
        signals := signals || jobs.end_members(_ids);
    end if;
end
$$;
