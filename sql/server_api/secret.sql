-- server_api.secret: the secrets by name, without their values.
create view server_api.secret as
select s.name, s.tasks, s.logins, s.created_at, s.updated_at, s.updated_by from jobs.secret as s;
