-- jobs.resolve_logins: which queues each worker login may claim from, by the tasks as they are published now.
-- Caller: internal
-- Writes: jobs.worker_login.granted, .refused
-- Calls: jobs.channels, jobs.fits, jobs.guard_queues, jobs.notify
-- Raises: 55P03 where somebody keeps a login's row locked
create or replace function jobs.resolve_logins() returns void
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set lock_timeout = '10s' set enable_seqscan = off set jit = off
as $$
begin
    -- One resolution at a time; whoever waited here reads what the other left.
    lock table jobs.worker_login in share row exclusive mode;
    if not exists (select from jobs.worker_login as l where l.tasks is not null and l.revoked_at is null) then
        return;
    end if;
    with rule as materialized (  -- a fleet's hosts share one
        select distinct l.queues, l.tasks from jobs.worker_login as l where l.tasks is not null and l.revoked_at is null
    ), candidate as materialized (  -- a queue that was named, or one with a task that fits
        select r.queues, r.tasks, q.name as queue from rule as r cross join unnest(r.queues) as q(name)
         union
        select r.queues, r.tasks, t.queue from rule as r join jobs.task as t on r.queues is null and jobs.fits(t.name, r.tasks)
    ), resident as materialized (  -- the tasks of a queue: published there, or of a job that waits there
        select c.queue, t.name as task, null::bigint as job_id
          from (select distinct queue from candidate) as c join jobs.task as t on t.queue = c.queue
         union all
        select w.queue_name, w.task_name, min(w.id)
          from (select distinct queue from candidate) as c cross join lateral (
               -- Each gate by the index that has it, so that what is finished is not read.
               select j.id, j.queue_name, j.task_name from procrastinate_jobs as j
                where j.status = 'todo' and j.gate < 2 and j.queue_name = c.queue
                union all
               select j.id, j.queue_name, j.task_name from procrastinate_jobs as j
                where j.status = 'todo' and j.gate = 2 and j.queue_name = c.queue
                union all
               select j.id, j.queue_name, j.task_name from procrastinate_jobs as j
                where j.status = 'todo' and j.gate = 3 and j.lock is not null and j.queue_name = c.queue) as w
         group by 1, 2
    ), resolved as (
        select c.queues, c.tasks, c.queue, (
                   select format(case when r.job_id is null then 'its task %s does not fit'
                                      else 'job %2$s of task %1$s waits in it' end, r.task, r.job_id)
                     from resident as r where r.queue = c.queue and not jobs.fits(r.task, c.tasks)
                    order by r.job_id nulls first, r.task limit 1) as refused
          from candidate as c
    ), answer as (
        select r.queues, r.tasks,
               array(select d.queue from resolved as d
                      where d.tasks = r.tasks and d.queues is not distinct from r.queues and d.refused is null order by 1)
                   as granted,
               (select coalesce(jsonb_object_agg(d.queue, d.refused), '{}') from resolved as d
                 where d.tasks = r.tasks and d.queues is not distinct from r.queues and d.refused is not null) as refused
          from rule as r
    )
    -- Only what changes: a row that stays is not waited for.
    update jobs.worker_login as l set granted = a.granted, refused = a.refused
      from answer as a
     where l.revoked_at is null and l.tasks = a.tasks and l.queues is not distinct from a.queues
       and (l.granted, l.refused) is distinct from (a.granted, a.refused);
    if found then
        perform jobs.notify(jobs.channels((select array_agg(q) from jobs.worker_login as l cross join unnest(l.granted) as q)));
    end if;
    perform jobs.guard_queues();
end
$$;
