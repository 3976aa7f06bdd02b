-- jobs.add: inserts jobs, each independent of the others; answers the ids drawn and the places (from 0) that got none.
-- Caller: internal
-- Writes: procrastinate.procrastinate_jobs.id, .queue_name, .task_name, .priority, .lock, .queueing_lock, .args, .status, .scheduled_at, .created_at, .due_at, .expires_at, .timeout, .max_attempts, .cause_id, .gate, jobs.cause.id, .kind, .actor, .request_id, .ref, .reason, jobs.job_detail.job_id, .key, jobs.queue.name, jobs.idempotency.api_key, .key, .hash, .job_ids, .answer, .created_at, jobs.idempotency (deletes a key older than 24 hours)
-- Moves: new -> todo
-- Raises: class 22 and 23 for content that the tables refuse
create or replace function jobs.add(_jobs jsonb, out ids bigint[], out missing integer[])
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set jit = off
as $$
declare
    _now constant timestamptz := clock_timestamp();
begin
    insert into jobs.queue (name)
    select distinct item ->> 'queue' from jsonb_array_elements(_jobs) as item
     where not exists (select from jobs.queue as q where q.name = item ->> 'queue')
     order by 1
    on conflict (name) do nothing;

    delete from jobs.idempotency as old
     using (select item -> 'idempotency' as given from jsonb_array_elements(_jobs) as item
             where item ? 'idempotency') as request
     where old.api_key = coalesce((given ->> 'api_key')::bigint, 0) and old.key = given ->> 'key'
       and old.created_at < _now - interval '24 hours';

    -- Ids are drawn first, so that the answer can be joined by them: what is missing was refused by a unique index.
    with item as materialized (
        select nextval('procrastinate.procrastinate_jobs_id_seq') as job_id, x.*,
               coalesce(x.run_at, _now + make_interval(secs => x.delay)) as planned
          from rows from (jsonb_to_recordset(_jobs) as (
                task text, queue text, priority integer, lock text, queueing_lock text, key text, args jsonb,
                run_at timestamptz, delay double precision, expires_at timestamptz, timeout real,
                max_attempts integer, cause jsonb, idempotency jsonb))
               with ordinality as x(task, queue, priority, lock, queueing_lock, key, args, run_at, delay, expires_at,
                                    timeout, max_attempts, cause, idempotency, ord)
    ), origin as materialized (
        select d.cause, nextval('jobs.cause_id_seq') as cause_id
          from (select distinct item.cause from item where item.cause is not null) as d
    ), told as (
        insert into jobs.cause (id, kind, actor, request_id, ref, reason) overriding system value
        select o.cause_id, o.cause ->> 'kind', o.cause ->> 'actor', o.cause ->> 'request_id', o.cause ->> 'ref',
               o.cause ->> 'reason'
          from origin as o
    ), claimed_key as (
        insert into jobs.idempotency (api_key, key, hash, job_ids, answer, created_at)
        select coalesce((i.idempotency ->> 'api_key')::bigint, 0), i.idempotency ->> 'key', i.idempotency ->> 'hash',
               array[i.job_id], i.idempotency -> 'answer', _now
          from item as i where i.idempotency is not null
         order by 1, 2
        on conflict (api_key, key) do nothing
        returning job_ids[1] as job_id
    ), job as (
        insert into procrastinate_jobs
              (id, queue_name, task_name, priority, lock, queueing_lock, args, status, scheduled_at, due_at, gate,
               created_at, expires_at, timeout, max_attempts, cause_id)
        select i.job_id, i.queue, i.task, coalesce(i.priority, 0), i.lock, i.queueing_lock, coalesce(i.args, '{}'),
               'todo',
               case when i.planned > _now then i.planned end,
               case when i.planned <= _now then i.planned end,
               case when i.planned > _now then 2 when i.lock is null then 0 else 1 end,
               _now, i.expires_at, i.timeout, i.max_attempts, o.cause_id
          from item as i left join origin as o on o.cause = i.cause
         where i.idempotency is null or i.job_id in (select k.job_id from claimed_key as k)
         order by i.queueing_lock nulls first, i.ord
        on conflict do nothing
        returning id
    ), detail as (
        insert into jobs.job_detail (job_id, key)
        select i.job_id, i.key from item as i join job on job.id = i.job_id where i.key is not null
    )
    select array_agg(i.job_id order by i.ord), array_agg(i.ord::integer - 1) filter (where job.id is null)
      into ids, missing
      from item as i left join job on job.id = i.job_id;
end
$$;
