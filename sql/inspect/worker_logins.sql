-- inspect.worker_logins: the logins of worker hosts: what each may claim, why not more, what it holds, and its end.
create view inspect.worker_logins as
select l.login::text as login, l.queues, l.tasks, l.granted, l.refused, l.in_flight,
       coalesce(h.sessions, 0) as sessions, coalesce(h.running, 0) as running, r.rolconnlimit as connection_limit,
       coalesce(r.rolcanlogin, false) as can_login, l.created_at, l.created_by, l.revoked_at, l.revoked_by, l.revoke_reason
  from jobs.worker_login as l
  left join pg_roles as r on r.rolname = l.login
  left join (select s.login, count(distinct s.id) as sessions, count(j.id) as running
               from jobs.session as s
               left join procrastinate.procrastinate_jobs as j on j.worker_id = s.id and j.status = 'doing'
              where s.lost_at is null and s.closed_at is null group by s.login) as h on h.login = l.login;
