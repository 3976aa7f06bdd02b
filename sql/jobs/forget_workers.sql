-- jobs.forget_workers: takes workers out of the registry, with their heartbeats and transitions.
-- Caller: internal
-- Writes: jobs.worker (deletes them), jobs.worker_heartbeat (deletes theirs), jobs.worker_transition (deletes theirs)
-- Calls: jobs.notify
-- Raises: nothing
create or replace function jobs.forget_workers(_ids bigint[]) returns void
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
begin
    delete from jobs.worker_heartbeat as h where h.worker_id = any (_ids);
    delete from jobs.worker_transition as t where t.worker_id = any (_ids);
    delete from jobs.worker as w where w.id = any (_ids);
    perform jobs.notify(array['ow_workers']);
end
$$;
