-- jobs.add: inserts jobs, each independent of the others; answers the ids drawn and the places (from 0) that got none.
-- An id may have been drawn before. The jobs have one cause, or of several each the one whose place (from 1) is in _of.
-- Caller: internal
-- Writes: procrastinate.procrastinate_jobs.id, .queue_name, .task_name, .priority, .lock, .queueing_lock, .args, .status, .scheduled_at, .created_at, .due_at, .expires_at, .timeout, .max_attempts, .cause_id, .actor, .request_id, .run_id, .gate, jobs.cause.id, .kind, .actor, .request_id, .ref, .reason, .parent_id, .first_job, .last_job, jobs.job_detail.job_id, .key, jobs.queue.name, jobs.idempotency.api_key, .key, .hash, .job_ids, .answer, .created_at
-- Calls: jobs.fail_with, jobs.forget_old_keys, jobs.refuse_misfits
-- Moves: new -> todo
-- Raises: OWT01 {"index", "queue", "task", "takes"}; OWV01 for an id that was not drawn or is in use; class 22 and 23 for content that the tables refuse
create or replace function jobs.add(
    _jobs jsonb, _cause jsonb default null, _drawn bigint[] default null, _of integer[] default null, out ids bigint[], out missing integer[])
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off
    set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
    _now constant timestamptz := clock_timestamp();
    _causes constant jsonb := case when _of is null then jsonb_build_array(_cause) else _cause end;
    _cause_ids bigint[];  -- of each job
    _plain bigint;
    _notable text[];  -- queues that are new, or that don't take every task
begin
    -- Ids are drawn first, so that each place has its own, and what a unique index keeps out is known by its absence.
    if _drawn is null then
        ids := array(select nextval('procrastinate.procrastinate_jobs_id_seq')
                       from generate_series(1, jsonb_array_length(_jobs)));
    else
        ids := array(select coalesce(_drawn[n], nextval('procrastinate.procrastinate_jobs_id_seq'))
                       from generate_series(1, jsonb_array_length(_jobs)) as n);
        if (select count(distinct d) from unnest(ids) as d) < cardinality(ids)
           or exists (select from unnest(_drawn) as d, procrastinate_jobs_id_seq as s where d not between 1 and s.last_value)
           or exists (select from procrastinate_jobs as j where j.id = any (_drawn)) then
            perform jobs.fail_with('OWV01', 'an id that was not drawn, or is in use',
                                   '{"field": "id", "message": "was not drawn, or is in use"}');
        end if;
    end if;
    if _cause is not null then
        _of := coalesce(_of, array_fill(1, array[cardinality(ids)]));
        _cause_ids := array(select nextval('jobs.cause_id_seq') from jsonb_array_elements(_causes));
        _cause_ids := array(select _cause_ids[o.nth] from unnest(_of) with ordinality as o(nth, ord) order by o.ord);
    end if;
    with added as (
        insert into procrastinate_jobs
              (id, queue_name, task_name, priority, lock, args, status, scheduled_at, due_at, gate, created_at,
               expires_at, timeout, max_attempts, cause_id, actor, request_id, run_id)
        select ids[l.ord], l.queue, l.task, coalesce(l.priority, 0), l.lock, coalesce(l.args, '{}'), 'todo',
               case when l.planned > _now then l.planned end, case when l.planned <= _now then l.planned end,
               case when l.planned > _now then 2 when l.lock is null then 0 else 1 end, _now,
               l.expires_at, l.timeout, l.max_attempts, _cause_ids[l.ord], l.actor, l.request_id, l.run_id
          from (select coalesce(x.run_at, _now + make_interval(secs => x.delay)) as planned, x.*
                  from rows from (jsonb_to_recordset(_jobs) as (
                        task text, queue text, priority integer, lock text, queueing_lock text, key text, args jsonb,
                        run_at timestamptz, delay double precision, expires_at timestamptz, timeout real,
                        max_attempts integer, actor text, request_id text, run_id bigint, idempotency jsonb))
                       with ordinality as x(task, queue, priority, lock, queueing_lock, key, args, run_at, delay,
                                            expires_at, timeout, max_attempts, actor, request_id, run_id, idempotency, ord)
                 where x.queueing_lock is null and x.key is null and x.idempotency is null) as l
        returning queue_name)
    select count(*), array(select d.queue_name from (select distinct a.queue_name from added as a) as d
                            where not exists (select from jobs.queue as q where q.name = d.queue_name and q.takes is null))
      into _plain, _notable
      from added;

    -- What a unique index may keep out, and what has a key of the caller's.
    if _plain < cardinality(ids) then
        perform jobs.forget_old_keys(_jobs);
        with item as materialized (
            select ids[x.ord] as job_id, coalesce(x.run_at, _now + make_interval(secs => x.delay)) as planned, x.*
              from rows from (jsonb_to_recordset(_jobs) as (
                    task text, queue text, priority integer, lock text, queueing_lock text, key text, args jsonb,
                    run_at timestamptz, delay double precision, expires_at timestamptz, timeout real,
                    max_attempts integer, actor text, request_id text, run_id bigint, idempotency jsonb))
                   with ordinality as x(task, queue, priority, lock, queueing_lock, key, args, run_at, delay,
                                        expires_at, timeout, max_attempts, actor, request_id, run_id, idempotency, ord)
             where x.queueing_lock is not null or x.key is not null or x.idempotency is not null
        ), claimed_key as (
            insert into jobs.idempotency (api_key, key, hash, job_ids, answer, created_at)
            select coalesce((i.idempotency ->> 'api_key')::bigint, 0), i.idempotency ->> 'key',
                   i.idempotency ->> 'hash', array[i.job_id], i.idempotency -> 'answer', _now
              from item as i where i.idempotency is not null
             order by 1, 2
            on conflict (api_key, key) do nothing
            returning job_ids[1] as job_id
        ), added as (
            insert into procrastinate_jobs
                  (id, queue_name, task_name, priority, lock, queueing_lock, args, status, scheduled_at, due_at, gate,
                   created_at, expires_at, timeout, max_attempts, cause_id, actor, request_id, run_id)
            select l.job_id, l.queue, l.task, coalesce(l.priority, 0), l.lock, l.queueing_lock, coalesce(l.args, '{}'),
                   'todo', case when l.planned > _now then l.planned end, case when l.planned <= _now then l.planned end,
                   case when l.planned > _now then 2 when l.lock is null then 0 else 1 end, _now,
                   l.expires_at, l.timeout, l.max_attempts, _cause_ids[l.ord], l.actor, l.request_id, l.run_id
              from item as l
             where l.idempotency is null or l.job_id in (select k.job_id from claimed_key as k)
             order by l.queueing_lock, l.job_id
            on conflict do nothing
            returning id, queue_name
        ), detail as (
            insert into jobs.job_detail (job_id, key)
            select i.job_id, i.key from item as i join added as a on a.id = i.job_id where i.key is not null
        )
        select array_agg(i.ord::integer - 1 order by i.ord) filter (where i.job_id not in (select a.id from added as a)),
               _notable || array(select d.queue_name from (select distinct a.queue_name from added as a) as d
                                     where not exists (select from jobs.queue as q where q.name = d.queue_name and q.takes is null))
          into missing, _notable
          from item as i;
    end if;

    if _notable <> '{}' then
        insert into jobs.queue (name) select distinct n from unnest(_notable) as n order by 1
        on conflict (name) do nothing;
        perform jobs.refuse_misfits(_jobs);
    end if;
    if _cause is not null then
        insert into jobs.cause (id, kind, actor, request_id, ref, reason, parent_id, first_job, last_job)
               overriding system value
        select c.id, c.cause ->> 'kind', c.cause ->> 'actor', c.cause ->> 'request_id', c.cause ->> 'ref',
               c.cause ->> 'reason', (c.cause ->> 'parent_id')::bigint, c.first_job, c.last_job
          from (select j.cause_id as id, _causes -> (min(j.nth) - 1) as cause, min(j.id) as first_job, max(j.id) as last_job
                  from unnest(ids, _cause_ids, _of) with ordinality as j(id, cause_id, nth, ord)
                 where j.ord - 1 <> all (coalesce(missing, '{}')) group by j.cause_id) as c;
    end if;
end
$$;
