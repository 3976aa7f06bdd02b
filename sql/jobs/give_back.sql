-- jobs.give_back: returns held jobs to their queues (retry, release, loss); answers the queues and locks concerned.
-- Caller: internal
-- Writes: procrastinate.procrastinate_jobs.status, .worker_id, .attempts, .crashes, .scheduled_at, .gate, .priority, .queue_name, .lock, .queueing_lock, .abort_requested, .started_at, jobs.attempt.job_id, .claim_no, .attempt, .session_id, .status, .reason, .started_at, .finished_at, .error, jobs.job_event.job_id, .type, .detail, jobs.queue.name
-- Calls: jobs.finish, jobs.refuse_misfits
-- Moves: doing -> todo
-- Raises: OWT01 where a job would move into a queue that doesn't take its task; class 22 and 23 for content that the tables refuse
create or replace function jobs.give_back(
    _session bigint, _kind text, _items jsonb, out ids bigint[], out queues text[], out locks text[],
    out signals text[])
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_mergejoin = off set enable_hashjoin = off set enable_seqscan = off set enable_bitmapscan = off
    set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
    _now constant timestamptz := clock_timestamp();
    _item record;
    _job procrastinate_jobs;
    _taken bigint;
begin
    ids := '{}'; queues := '{}'; locks := '{}'; signals := '{}';
    insert into jobs.queue (name)
    select distinct i ->> 5
      from jsonb_array_elements(_items) as i
      join procrastinate_jobs as j on j.id = (i ->> 0)::bigint and j.claim_no = (i ->> 1)::integer
     where i ->> 5 is not null and j.worker_id = _session and j.status = 'doing' order by 1
    on conflict (name) do nothing;

    -- One by one: what is given back is rare beside what ends, and each may meet its queueing lock.
    for _item in
        select (i ->> 0)::bigint as id, (i ->> 1)::integer as claim_no,
               case when i ->> 2 is not null then least((i ->> 2)::double precision, 315360000) end as delay,
               i ->> 3 as error, (i ->> 4)::integer as priority, i ->> 5 as queue, i ->> 6 as lock,
               (i ->> 7)::jobs.failure_reason as reason
          from jsonb_array_elements(_items) as i order by 1
    loop
        select j.* into _job from procrastinate_jobs as j
         where j.id = _item.id and j.claim_no = _item.claim_no and j.worker_id = _session and j.status = 'doing'
           for update;
        continue when not found;
        if _job.lock is not null then
            locks := locks || _job.lock;
        end if;
        -- Whoever cancelled it was told that it ends: it must not run once more because its worker stops.
        if _kind = 'release' and _job.abort_requested then
            signals := signals || (select 'ow_job'::text || f.signals
                                     from jobs.finish(_session, array[_job.id], array[_job.claim_no], null,
                                                      array['["aborted", "Aborted on request."]']) as f);
            continue;
        end if;
        if _item.queue is not null then
            perform jobs.refuse_misfits(jsonb_build_array(jsonb_build_object('queue', _item.queue, 'task', _job.task_name)));
        end if;
        -- It never loses its work: where another waiting job has its queueing lock, it returns without.
        select o.id into _taken from procrastinate_jobs as o
         where o.queueing_lock = _job.queueing_lock and o.status = 'todo' and o.id <> _job.id;
        for _try in 1..2 loop
            begin
                update procrastinate_jobs as j
                   set status = 'todo', worker_id = null, abort_requested = false,
                       attempts = j.attempts + (_kind = 'retry')::integer,
                       crashes = case when _kind <> 'lost' then j.crashes
                                      else coalesce(j.crashes, 0) + (j.started_at is not null)::integer end,
                       scheduled_at = case when _item.delay > 0 then _now + make_interval(secs => _item.delay) end,
                       gate = case when _item.delay > 0 then 2
                                   when coalesce(_item.lock, j.lock) is null then 0 else 1 end,
                       priority = coalesce(_item.priority, j.priority),
                       queue_name = coalesce(_item.queue, j.queue_name),
                       lock = coalesce(_item.lock, j.lock),
                       queueing_lock = case when _taken is null then j.queueing_lock end,
                       started_at = case when _kind = 'release' then null else j.started_at end
                 where j.id = _job.id and j.status = 'doing';
                exit;
            exception when unique_violation then
                _taken := 0;  -- taken by a transaction that has just committed
            end;
        end loop;
        if _taken is not null then
            insert into jobs.job_event (job_id, type, detail)
            values (_job.id, 'queueing_lock_lost',
                    jsonb_build_object('queueing_lock', _job.queueing_lock, 'job_id', nullif(_taken, 0)));
        end if;
        if _kind = 'release' and _job.started_at is not null then
            insert into jobs.job_event (job_id, type, detail)
            values (_job.id, 'released', jsonb_build_object(
                'claim_no', _job.claim_no, 'attempt', _job.attempts + 1, 'session', _session, 'started_at', _job.started_at));
        end if;
        if _kind = 'retry' or (_kind = 'lost' and _job.started_at is not null) then
            insert into jobs.attempt
                  (job_id, claim_no, attempt, session_id, status, reason, started_at, finished_at, error)
            values (_job.id, _job.claim_no, _job.attempts + 1, _session,
                    case _kind when 'retry' then 'retried' else 'lost' end::jobs.attempt_status,
                    coalesce(_item.reason, case _kind when 'retry' then 'error' else 'lost' end::jobs.failure_reason),
                    coalesce(_job.started_at, _now), _now,
                    concat_ws(E'\n', _item.error, 'returned without its queueing lock, which another job holds: '
                                                  || nullif(_taken, 0)));
        end if;
        ids := ids || _job.id;
        queues := queues || coalesce(_item.queue, _job.queue_name)::text;
    end loop;
end
$$;
