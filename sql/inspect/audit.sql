-- inspect.audit: who did what by hand, and why; append-only.
create view inspect.audit as
select a.id, a.at, a.actor, a.login::text as login, a.action, a.target, a.reason, a.detail,
       encode(a.hash, 'hex') as hash
  from jobs.audit as a;
