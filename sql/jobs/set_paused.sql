-- jobs.set_paused: pauses or resumes a queue, audited; workers are signalled when it resumes.
-- Caller: internal
-- Writes: jobs.queue.paused_at, .paused_by, .pause_reason
-- Calls: jobs.channels, jobs.fail_with, jobs.notify, jobs.record_audit
-- Raises: OWN02 {"queue"}
create or replace function jobs.set_paused(_queue text, _paused boolean, _actor text, _reason text) returns void
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
begin
    update jobs.queue as q
       set paused_at = case when _paused then coalesce(q.paused_at, clock_timestamp()) end,
           paused_by = case when _paused then _actor end,
           pause_reason = case when _paused then _reason end
     where q.name = _queue;
    if not found then
        perform jobs.fail_with('OWN02', 'no such queue', jsonb_build_object('queue', _queue));
    end if;
    perform jobs.record_audit(_actor, case when _paused then 'queues.pause' else 'queues.resume' end, _queue, _reason);
    if not _paused then
        perform jobs.notify(jobs.channels(array[_queue]));
    end if;
end
$$;
