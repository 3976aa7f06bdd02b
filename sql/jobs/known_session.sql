-- jobs.known_session: whose a session is or was, also after its row is gone.
create view jobs.known_session as
select s.id, s.name, s.login::text as login from jobs.session as s
union all
select p.id, p.name, p.login::text from jobs.past_session as p;
