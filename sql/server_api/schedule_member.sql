-- server_api.schedule_member: the members of runs: each its job and how that ended, or why it got none.
create view server_api.schedule_member as
select m.run_id, m.n, m.task, m.job_id, m.error, m.status, m.ended_at from jobs.schedule_member as m;
