-- jobs.set_draining: drains a worker or ends that, audited: its live sessions get no more jobs, or are called to work.
-- Caller: internal
-- Writes: jobs.worker.draining_since, jobs.session.draining
-- Calls: jobs.locked_worker, jobs.notify, jobs.record_audit
-- Raises: OWN04 {"worker_id"}
create or replace function jobs.set_draining(_id bigint, _draining boolean, _actor text, _reason text) returns void
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    -- A session that opens meanwhile waits for this lock, or was there before it.
    _worker constant jobs.worker := jobs.locked_worker(_id);
    _sessions text[];
begin
    update jobs.worker as w
       set draining_since = case when _draining then coalesce(w.draining_since, clock_timestamp()) end
     where w.id = _id;
    with changed as (
        update jobs.session as s set draining = _draining
         where s.worker_id = _id and s.lost_at is null and s.closed_at is null
        returning s.id
    )
    select array_agg(format('ow_w_%s', c.id)) into _sessions from changed as c;
    perform jobs.record_audit(_actor, case when _draining then 'workers.drain' else 'workers.resume' end,
                              _worker.name, _reason);
    perform jobs.notify(array['ow_workers'] || case when not _draining then _sessions end);
end
$$;
