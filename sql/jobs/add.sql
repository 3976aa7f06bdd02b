-- jobs.add: inserts jobs, each independent of the others; answers the ids drawn and the places (from 0) that got none.
-- Caller: internal
-- Writes: procrastinate.procrastinate_jobs.id, .queue_name, .task_name, .priority, .lock, .queueing_lock, .args, .status, .scheduled_at, .created_at, .due_at, .expires_at, .timeout, .max_attempts, .cause_id, .gate, jobs.cause.id, .kind, .actor, .request_id, .ref, .reason, .first_job, .last_job, jobs.job_detail.job_id, .key, jobs.queue.name, jobs.idempotency.api_key, .key, .hash, .job_ids, .answer, .created_at
-- Calls: jobs.forget_old_keys
-- Moves: new -> todo
-- Raises: class 22 and 23 for content that the tables refuse
create or replace function jobs.add(
    _jobs jsonb, _cause jsonb default null, out ids bigint[], out missing integer[])
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off
    set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
    _now constant timestamptz := clock_timestamp();
    _shared constant bigint := case when _cause is not null then nextval('jobs.cause_id_seq') end;
begin
    if jsonb_path_exists(_jobs, '$[*].idempotency') then
        perform jobs.forget_old_keys(_jobs);
    end if;
    -- Ids are drawn first, so that what a unique index keeps out is known by its absence. Only jobs that can meet one
    -- pay for ON CONFLICT. A cause belongs to one job unless _cause is that of all.
    with item as materialized (
        select nextval('procrastinate.procrastinate_jobs_id_seq') as job_id,
               case when _cause is not null then _shared
                    when x.cause is not null then nextval('jobs.cause_id_seq') end as cause_id,
               x.queueing_lock is not null or x.idempotency is not null as keyed,
               coalesce(x.run_at, _now + make_interval(secs => x.delay)) as planned, x.*
          from rows from (jsonb_to_recordset(_jobs) as (
                task text, queue text, priority integer, lock text, queueing_lock text, key text, args jsonb,
                run_at timestamptz, delay double precision, expires_at timestamptz, timeout real,
                max_attempts integer, cause jsonb, idempotency jsonb))
               with ordinality as x(task, queue, priority, lock, queueing_lock, key, args, run_at, delay, expires_at,
                                    timeout, max_attempts, cause, idempotency, ord)
    ), new_queue as (
        insert into jobs.queue (name)
        select d.queue from (select distinct i.queue from item as i) as d
         where not exists (select from jobs.queue as q where q.name = d.queue)
         order by 1
        on conflict (name) do nothing
    ), claimed_key as (
        insert into jobs.idempotency (api_key, key, hash, job_ids, answer, created_at)
        select coalesce((i.idempotency ->> 'api_key')::bigint, 0), i.idempotency ->> 'key', i.idempotency ->> 'hash',
               array[i.job_id], i.idempotency -> 'answer', _now
          from item as i where i.idempotency is not null
         order by 1, 2
        on conflict (api_key, key) do nothing
        returning job_ids[1] as job_id
    ), line as not materialized (
        select i.job_id, i.queue, i.task, coalesce(i.priority, 0) as priority, i.lock, i.queueing_lock,
               coalesce(i.args, '{}') as args, case when i.planned > _now then i.planned end as scheduled_at,
               case when i.planned <= _now then i.planned end as due_at,
               case when i.planned > _now then 2 when i.lock is null then 0 else 1 end as gate,
               i.expires_at, i.timeout, i.max_attempts, i.cause_id, i.keyed, i.idempotency
          from item as i
    ), plain as (
        insert into procrastinate_jobs
              (id, queue_name, task_name, priority, lock, args, status, scheduled_at, due_at, gate, created_at,
               expires_at, timeout, max_attempts, cause_id)
        select l.job_id, l.queue, l.task, l.priority, l.lock, l.args, 'todo', l.scheduled_at, l.due_at, l.gate, _now,
               l.expires_at, l.timeout, l.max_attempts, l.cause_id
          from line as l where not l.keyed
    ), keyed as (
        insert into procrastinate_jobs
              (id, queue_name, task_name, priority, lock, queueing_lock, args, status, scheduled_at, due_at, gate,
               created_at, expires_at, timeout, max_attempts, cause_id)
        select l.job_id, l.queue, l.task, l.priority, l.lock, l.queueing_lock, l.args, 'todo', l.scheduled_at, l.due_at,
               l.gate, _now, l.expires_at, l.timeout, l.max_attempts, l.cause_id
          from line as l
         where l.keyed and (l.idempotency is null or l.job_id in (select k.job_id from claimed_key as k))
         order by l.queueing_lock, l.job_id
        on conflict do nothing
        returning id
    ), told as (
        insert into jobs.cause (id, kind, actor, request_id, ref, reason, first_job, last_job) overriding system value
        select c.id, c.it ->> 'kind', c.it ->> 'actor', c.it ->> 'request_id', c.it ->> 'ref', c.it ->> 'reason',
               c.first_job, c.last_job
          from (select i.cause_id, i.cause, null::bigint, null::bigint from item as i
                 where _cause is null and i.cause is not null
                   and (not i.keyed or i.job_id in (select k.id from keyed as k))
                union all
                select _shared, _cause, min(i.job_id), max(i.job_id) from item as i having _cause is not null
               ) as c(id, it, first_job, last_job)
    ), detail as (
        insert into jobs.job_detail (job_id, key)
        select i.job_id, i.key from item as i
         where i.key is not null and (not i.keyed or i.job_id in (select k.id from keyed as k))
    )
    select array_agg(i.job_id order by i.ord),
           array_agg(i.ord::integer - 1) filter (where i.keyed and i.job_id not in (select k.id from keyed as k))
      into ids, missing
      from item as i;
end
$$;
