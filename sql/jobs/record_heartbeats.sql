-- jobs.record_heartbeats: enters heartbeats of workers, one each, and keeps the last 100 of each; changes no status.
-- Caller: internal
-- Writes: jobs.worker.last_heartbeat_at, jobs.worker_heartbeat.worker_id, .at, .session_id, jobs.worker_heartbeat (deletes beyond 100 of a worker)
-- Raises: nothing
create or replace function jobs.record_heartbeats(_workers bigint[], _at timestamptz[], _sessions bigint[]) returns void
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
begin
    update jobs.worker as w set last_heartbeat_at = greatest(w.last_heartbeat_at, b.at)
      from unnest(_workers, _at) as b(worker, at) where w.id = b.worker;
    insert into jobs.worker_heartbeat (worker_id, at, session_id)
    select b.worker, b.at, b.session from unnest(_workers, _at, _sessions) as b(worker, at, session);
    delete from jobs.worker_heartbeat as h
     where h.worker_id = any (_workers)
       and h.id <= (select o.id from jobs.worker_heartbeat as o
                     where o.worker_id = h.worker_id order by o.id desc offset 100 limit 1);
end
$$;
