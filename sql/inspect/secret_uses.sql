-- inspect.secret_uses: which worker login got which secret, for which claim of which job, or was refused it.
create view inspect.secret_uses as
select u.at, u.name, u.granted, u.login::text as login, u.session_id as session, u.job_id, u.claim_no
  from jobs.secret_use as u;
