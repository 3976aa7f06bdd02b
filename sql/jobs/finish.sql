-- jobs.finish: ends runs that the session still holds, with their results; answers what was ended, with its locks.
-- Caller: internal
-- Writes: procrastinate.procrastinate_jobs.status, .attempts, .abort_requested, jobs.attempt.job_id, .claim_no, .attempt, .session_id, .status, .reason, .started_at, .finished_at, .result, .error, jobs.outbox.job_id, .claim_no, .event, .at
-- Moves: doing -> succeeded|failed|aborted
-- Raises: class 22 and 23 for content that the tables refuse
create or replace function jobs.finish(
    _session bigint, _items jsonb, _attempt_status jobs.attempt_status default null,
    out ids bigint[], out locks text[], out handled boolean)
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_nestloop = off set enable_mergejoin = off set enable_seqscan = off set enable_bitmapscan = off
    set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
    _now constant timestamptz := clock_timestamp();
    _listened constant boolean := exists (select from jobs.subscription);
    _ids constant bigint[] := array(select (i ->> 0)::bigint from jsonb_array_elements(_items) as i);
begin
    -- `status in (doing, aborting)` keeps the planner from the partial indexes: the rows come by id, hashed to the items.
    with item as materialized (
        select (i ->> 0)::bigint as id, (i ->> 1)::integer as claim_no, (i ->> 2)::jobs.end_status as status,
               nullif(i -> 3, 'null') as result, i ->> 4 as error, (i ->> 5)::jobs.failure_reason as reason
          from jsonb_array_elements(_items) as i
    ), ended as (
        update procrastinate_jobs as j
           set status = i.status::text::procrastinate_job_status, attempts = j.attempts + 1, abort_requested = false
          from item as i
         where j.id = any (_ids) and j.id = i.id and j.claim_no = i.claim_no and j.worker_id = _session
           and j.status in ('doing', 'aborting')
        returning j.id, j.claim_no, j.attempts, j.started_at, j.lock, j.task_name, i.status, i.result, i.error, i.reason
    ), fact as (
        insert into jobs.attempt
              (job_id, claim_no, attempt, session_id, status, reason, started_at, finished_at, result, error)
        select e.id, e.claim_no, e.attempts, _session, coalesce(_attempt_status, e.status::text::jobs.attempt_status),
               e.reason, coalesce(e.started_at, _now), _now, e.result, e.error
          from ended as e
    ), event as (
        insert into jobs.outbox (job_id, claim_no, event, at)
        select e.id, e.claim_no, e.status::text, _now from ended as e
         where _listened and exists (select from jobs.subscription as s
                                      where s.task = e.task_name and s.event in (e.status::text, '*'))
        returning 1
    )
    select coalesce(array_agg(e.id), '{}'), array_agg(distinct e.lock) filter (where e.lock is not null),
           exists (select from event)
      into ids, locks, handled
      from ended as e;
end
$$;
