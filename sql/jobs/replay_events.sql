-- jobs.replay_events: makes dead letters of a consumer events again, as if new; audited; answers how many.
-- These, or all (of a task), as far as it still subscribes to them.
-- Caller: internal
-- Writes: jobs.outbox.parked_at, .attempts, jobs.job_event.job_id, .type, .actor, .reason, .detail
-- Calls: jobs.consumer_channel, jobs.fail_with, jobs.notify, jobs.record_audit, jobs.require_reason, jobs.subscribes
-- Raises: OWS01 {"consumer"} where there are some and it subscribes to none of them any more, OWV01 without a reason
create or replace function jobs.replay_events(
    _consumer text, _ids bigint[], _task text, _actor text, _reason text, _request_id text) returns bigint
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
    set enable_seqscan = off
as $$
declare
    _replayed bigint;
begin
    perform jobs.require_reason('a replay', _reason);
    with again as (
        update jobs.outbox as o set parked_at = null, attempts = 0
         where o.consumer = _consumer and o.parked_at is not null and (_ids is null or o.id = any (_ids))
           and (_task is null or o.task = _task) and jobs.subscribes(o.consumer, o.task, o.event)
        returning o.job_id, o.event
    ), told as (
        insert into jobs.job_event (job_id, type, actor, reason, detail)
        select a.job_id, 'dead_letter_replayed', _actor, _reason, jsonb_build_object('consumer', _consumer, 'event', a.event)
          from again as a where a.job_id is not null
    )
    select count(*) into _replayed from again;
    if _replayed > 0 then
        perform jobs.record_audit(_actor, 'handlers.replay', _consumer, _reason, jsonb_strip_nulls(jsonb_build_object(
            'replayed', _replayed, 'ids', to_jsonb(_ids[1:100]), 'task', _task, 'request_id', _request_id)));
        perform jobs.notify(array[jobs.consumer_channel(_consumer)]);
    elsif exists (select from jobs.outbox as o
                   where o.consumer = _consumer and o.parked_at is not null and (_ids is null or o.id = any (_ids))
                     and (_task is null or o.task = _task)) then
        perform jobs.fail_with('OWS01', format('%s does not subscribe to this any more: publish its handlers, or discard',
                                               _consumer), jsonb_build_object('consumer', _consumer));
    end if;
    return _replayed;
end
$$;
