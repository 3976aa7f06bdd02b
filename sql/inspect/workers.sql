-- inspect.workers: the registry of workers beside their sessions: who is live, drained, holds how many jobs, until when.
create view inspect.workers as
select coalesce(w.name, s.name) as worker, s.id as session, coalesce(s.login, w.login)::text as login,
       case when s.id is null then 'none' when s.lost_at is not null then 'lost' when s.closed_at is not null then 'closed'
            when s.expires_at < now() then 'late' else 'live' end as state,
       coalesce(s.queues, w.queues) as queues, (select count(*) from procrastinate.procrastinate_jobs as j
                   where j.worker_id = s.id and j.status = 'doing') as running,
       s.opened_at, s.last_seen_at, s.expires_at as lease_ends_at, s.lost_at, s.closed_at, s.info,
       w.id as worker_id, w.status::text as status, w.draining_since, w.region, w.capacity, w.versions
  from jobs.session as s full join jobs.worker as w on w.id = s.worker_id
 order by coalesce(s.lost_at, s.closed_at) desc nulls first, 1;
