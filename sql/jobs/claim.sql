-- jobs.claim: hands ready jobs to a session, at most 256 KB of arguments (at least one job) at a time.
-- Caller: internal
-- Writes: procrastinate.procrastinate_jobs.status, .worker_id, .claim_no, .started_at
-- Calls: jobs.candidates, jobs.channels, jobs.choose, jobs.next_in_line, jobs.promote
-- Moves: todo -> doing
-- Raises: nothing
create or replace function jobs.claim(
    _session bigint, _queues text[], _want integer, _free integer, _alone boolean, _floor jsonb,
    out jobs text, out claimed integer, out more boolean, out wake text[],
    out scan numeric)
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_seqscan = off set enable_bitmapscan = off
    set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
    _promoted constant integer := jobs.promote(_queues, _want);
    _now constant timestamptz := clock_timestamp();
    _found bigint[];
    _plain boolean;
    _ids bigint[];
    _left_queues text[];
    _parked integer := 0;
    _begin bigint[];
begin
    select c.ids, c.plain into _found, _plain from jobs.candidates(_queues, _want, _alone, _floor) as c;
    -- Milliseconds of the scan alone: what dead index entries cost, and the update that follows does not.
    scan := round(1000 * extract(epoch from clock_timestamp() - _now), 2);
    claimed := 0;
    more := false;
    if _found is null then
        return;
    end if;
    if _plain and _free < cardinality(_found) then
        -- What begins at once is the best of all, as the worker sorts them; several queues come one after the other.
        _plain := coalesce(jsonb_array_length(_floor), cardinality(_queues), 1 + (
            select count(*)::integer from jobs.queue as q where q.paused_at is not null)) = 1;
    end if;
    _ids := _found;
    if not _plain then
        select c.ids, c.parked, c.left_queues into _ids, _parked, _left_queues from jobs.choose(_found, _want, _free) as c;
    end if;
    _begin := _ids[1:_free];
    begin
        with taken as (
            update procrastinate_jobs as j
               set status = 'doing', worker_id = _session, claim_no = j.claim_no + 1,
                   started_at = case when _free >= _want or j.id = any (_begin) then _now end
             where j.id = any (_ids) and j.status = 'todo'
            returning j.id, j.claim_no, j.queue_name, j.task_name, j.args, j.attempts, j.priority, j.lock,
                      j.queueing_lock, j.due_at, j.timeout, j.max_attempts, j.crashes)
        -- By columns: a fifth of the cost of a JSON array per job. In no order: the worker sorts where it matters.
        select concat('[', array_to_json(array_agg(t.id)), ',', array_to_json(array_agg(t.claim_no)), ',',
                      array_to_json(array_agg(t.queue_name)), ',', array_to_json(array_agg(t.task_name)), ',',
                      array_to_json(array_agg(t.args)), ',', array_to_json(array_agg(t.attempts)), ',',
                      array_to_json(array_agg(t.priority)), ',', array_to_json(array_agg(t.lock)), ',',
                      array_to_json(array_agg(t.queueing_lock)), ',', array_to_json(array_agg(t.due_at)), ',',
                      array_to_json(array_agg(t.timeout)), ',', array_to_json(array_agg(t.max_attempts)), ',',
                      array_to_json(array_agg(t.crashes)), ']'),
               count(*)
          into jobs, claimed
          from taken as t;
    exception when unique_violation or deadlock_detected then
        -- Another worker took the lock's first place meanwhile: nothing this time, and the worker asks again.
        claimed := 0;
    end;
    more := claimed < cardinality(_ids) or claimed >= _want or _parked > 0 or _left_queues is not null;
    -- What was locked here and not taken was skipped by other workers: they are woken for it.
    wake := jobs.channels(_left_queues);
    if _promoted > claimed then
        wake := wake || coalesce(jobs.channels(_queues), array['ow_any']);
    end if;
    if _promoted = _want then
        -- More may be due than fit in here: the next one looks at once, and asks the one after it.
        wake := wake || jobs.next_in_line(_session, _queues);
    end if;
end
$$;
