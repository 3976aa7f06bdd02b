-- jobs.finish: ends runs that the session still holds, with their results; answers how many, their locks, and what to signal of them.
-- Caller: internal
-- Writes: procrastinate.procrastinate_jobs.status, .attempts, .abort_requested, .started_at, .finished_at, .result, .error, .reason
-- Calls: jobs.record_ends
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
    -- One look for all: whether anybody wants to know of ends.
    _listened constant boolean := exists (select from jobs.subscription)
        or exists (select from jobs.schedule_run as r where r.state = 'running')
        or exists (select from jobs.flow_member as m where m.job_id is not null and m.status is null);
    _told bigint[];
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
        returning j.id, j.lock
    )
    select count(*), array_agg(distinct e.lock) filter (where e.lock is not null),
           array_agg(e.id) filter (where _listened)
      into ended, locks, _told
      from ended as e;
    if _told is not null then
        signals := jobs.record_ends(_told);
    end if;
end
$$;
