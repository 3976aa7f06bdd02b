-- inspect.workers: the sessions of workers: who is live, how many jobs each holds, when its lease ends.
create view inspect.workers as
select s.name as worker, s.id as session, s.login::text as login,
       case when s.lost_at is not null then 'lost' when s.closed_at is not null then 'closed'
            when s.expires_at < now() then 'late' else 'live' end as state,
       s.queues, (select count(*) from procrastinate.procrastinate_jobs as j
                   where j.worker_id = s.id and j.status = 'doing') as running,
       s.opened_at, s.last_seen_at, s.expires_at as lease_ends_at, s.lost_at, s.closed_at, s.info
  from jobs.session as s
 order by coalesce(s.lost_at, s.closed_at) desc nulls first, s.name;
