-- server_api.worker: the registry of workers, each with its live sessions and running jobs counted.
create view server_api.worker as
select w.id, w.name, split_part(w.name, '/', 1) as host, w.region, w.capacity, w.queues, w.versions,
       w.login::text as login, w.status::text as status, w.draining_since, w.registered_at, w.changed_at,
       greatest(w.last_heartbeat_at, s.last_seen_at) as last_heartbeat_at, coalesce(s.live, 0) as sessions,
       coalesce(s.running, 0)::bigint as running
  from jobs.worker as w
  left join (
       select o.worker_id, max(o.last_seen_at) as last_seen_at,
              count(*) filter (where o.lost_at is null and o.closed_at is null) as live,
              sum(case when o.lost_at is null and o.closed_at is null
                       then (select count(*) from procrastinate.procrastinate_jobs as j
                              where j.worker_id = o.id and j.status = 'doing') end) as running
         from jobs.session as o group by o.worker_id) as s on s.worker_id = w.id;
