-- jobs.queue_depths: how many jobs wait and run per queue, and how long the oldest is ready; counted up to a limit.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.queue_depths(_queues integer, _most integer) returns table (
    queue text, ready bigint, scheduled bigint, waiting bigint, running bigint, oldest_ready double precision, paused boolean)
    language sql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
    -- _most ready ones of each queue, and _most of each other kind in all, whatever the size of the table.
    with recursive chosen as materialized (
        select q.name, q.paused_at is not null as paused from jobs.queue as q order by q.name limit _queues
    ), place as (
        -- The oldest of each priority stands first in the index of ready jobs: from priority to priority, 100 at most.
        select c.name, f.priority, f.since, 1 as n
          from chosen as c cross join lateral (
               select j.priority, coalesce(j.due_at, j.created_at) as since from procrastinate_jobs as j
                where j.status = 'todo' and j.gate < 2 and j.queue_name = c.name
                order by j.priority desc, j.id limit 1) as f
        union all
        select p.name, f.priority, f.since, p.n + 1
          from place as p cross join lateral (
               select j.priority, coalesce(j.due_at, j.created_at) as since from procrastinate_jobs as j
                where j.status = 'todo' and j.gate < 2 and j.queue_name = p.name and j.priority < p.priority
                order by j.priority desc, j.id limit 1) as f
         where p.n < 100
    ), oldest as (
        select p.name, min(p.since) as since from place as p group by p.name
    ), scheduled as (
        select s.queue_name, count(*) as n
          from (select j.queue_name from procrastinate_jobs as j where j.status = 'todo' and j.gate = 2
                 order by j.scheduled_at limit _most) as s group by s.queue_name
    ), waiting as (
        select w.queue_name, count(*) as n
          from (select j.queue_name from procrastinate_jobs as j
                 where j.status = 'todo' and j.gate = 3 and j.lock is not null and (j.gate <> 2 or j.claim_no > 0)
                 order by j.lock limit _most) as w group by w.queue_name
    ), running as (
        select r.queue_name, count(*) as n
          from (select j.queue_name from procrastinate_jobs as j where j.status = 'doing'
                 order by j.worker_id limit _most) as r group by r.queue_name
    )
    select c.name, (select count(*) from (select from procrastinate_jobs as j
                                           where j.status = 'todo' and j.gate < 2 and j.queue_name = c.name limit _most) as r),
           coalesce(s.n, 0), coalesce(w.n, 0), coalesce(r.n, 0),
           coalesce(extract(epoch from clock_timestamp() - o.since), 0), c.paused
      from chosen as c
      left join oldest as o on o.name = c.name
      left join scheduled as s on s.queue_name = c.name
      left join waiting as w on w.queue_name = c.name
      left join running as r on r.queue_name = c.name
     order by c.name
$$;
