-- server_api.session: the workers' sessions of the last day.
create view server_api.session as
select s.id, s.name, s.login::text as login, s.queues, extract(epoch from s.lease)::integer as lease, s.info, s.opened_at,
       s.last_seen_at, s.expires_at, s.lost_at, s.closed_at, s.worker_id, s.draining
  from jobs.session as s;
