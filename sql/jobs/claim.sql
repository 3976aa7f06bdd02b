-- jobs.claim: hands ready jobs to a session, at most 256 KB of arguments (at least one job) at a time.
-- Caller: internal
-- Writes: procrastinate.procrastinate_jobs.status, .worker_id, .claim_no, .started_at
-- Calls: jobs.candidates, jobs.channels, jobs.first_places, jobs.promote
-- Moves: todo -> doing
-- Raises: nothing
create or replace function jobs.claim(
    _session bigint, _queues text[], _want integer, _free integer, _alone boolean, _floor jsonb,
    out jobs text, out claimed integer, out more boolean, out wake text[])
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set jit = off
as $$
declare
    _promoted integer;
    _found record;
    _ids bigint[];
    _first bigint[];
    _parked integer := 0;
    _begin bigint[];
    _now timestamptz;
begin
    _promoted := jobs.promote(_queues, _want);
    -- The best _want of what was locked, cut where arguments pass 256 KB. A suspect (it was running when its worker
    -- died) goes alone or not at all; one that waited in a lost worker is not prefetched again.
    select coalesce(array_agg(k.id order by k.n) filter (where k.taken), '{}') as ids,
           coalesce(array_agg(k.id order by k.n) filter (where k.taken and k.gate = 1), '{}') as locked,
           array_agg(distinct k.queue_name) filter (where not k.taken) as left_queues,
           count(*) as total
      into _found
      from (select c.*, c.n <= _want and (c.bytes <= 262144 or c.n = 1)
                   and (case when c.n = 1 then true
                             when coalesce(c.first_crashes, 0) > 0 then false
                             when c.crashes > 0 then false
                             else c.crashes is null or c.n <= _free end) as taken
              from (select o.*, row_number() over best as n, sum(o.size) over best as bytes,
                           first_value(o.crashes) over best as first_crashes
                      from jobs.candidates(_queues, _want, _alone, _floor) as o
                    window best as (order by o.priority desc, o.id)) as c) as k;
    _ids := _found.ids;
    if _found.locked <> '{}' then
        select p.ids, p.parked into _first, _parked from jobs.first_places(_found.locked) as p;
        _ids := array(select i from unnest(_ids) with ordinality as t(i, n)
                       where i <> all (_found.locked) or i = any (_first) order by n);
    end if;
    _begin := _ids[1:_free];
    _now := clock_timestamp();
    begin
        with taken as (
            update procrastinate_jobs as j
               set status = 'doing', worker_id = _session, claim_no = j.claim_no + 1,
                   started_at = case when j.id = any (_begin) then _now end
             where j.id = any (_ids) and j.status = 'todo'
            returning j.*)
        select '[' || string_agg(json_build_array(
                   t.id, t.claim_no, t.queue_name, t.task_name, t.args, t.attempts, t.priority, t.lock,
                   t.queueing_lock, t.due_at, t.timeout, t.max_attempts, t.crashes)::text, ','
                   order by t.priority desc, t.id) || ']',
               count(*)
          into jobs, claimed from taken as t;
    exception when unique_violation or deadlock_detected then
        -- Another worker took the lock's first place meanwhile: nothing this time, and the worker asks again.
        claimed := 0;
    end;
    more := _found.total > 0 and (claimed < cardinality(_ids) or claimed >= _want
                                  or _parked > 0 or _found.left_queues is not null);
    -- What was locked here and not taken was skipped by other workers: they are woken for it.
    wake := jobs.channels(case when _promoted > claimed and _found.left_queues is null
                               then coalesce(_queues, array[null::text]) else _found.left_queues end);
end
$$;
