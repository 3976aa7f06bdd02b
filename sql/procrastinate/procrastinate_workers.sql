-- procrastinate.procrastinate_workers: the live sessions, in Procrastinate's words, so that its tools keep telling the truth.
create view procrastinate.procrastinate_workers as
select s.id, s.last_seen_at as last_heartbeat from jobs.session as s where s.lost_at is null and s.closed_at is null;
