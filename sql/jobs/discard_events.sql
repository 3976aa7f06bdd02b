-- jobs.discard_events: deletes dead letters of a consumer: these, or all (of a task). Audited; answers how many.
-- Caller: internal
-- Writes: jobs.outbox (deletes dead letters), jobs.job_event.job_id, .type, .actor, .reason, .detail
-- Calls: jobs.consumer_channel, jobs.notify, jobs.record_audit, jobs.require_reason
-- Raises: OWV01 without a reason
create or replace function jobs.discard_events(
    _consumer text, _ids bigint[], _task text, _actor text, _reason text, _request_id text) returns bigint
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
    set enable_seqscan = off
as $$
declare
    _gone jsonb;
    _discarded bigint;
begin
    perform jobs.require_reason('a discard', _reason);
    with gone as (
        delete from jobs.outbox as o
         where o.consumer = _consumer and o.parked_at is not null and (_ids is null or o.id = any (_ids))
           and (_task is null or o.task = _task)
        returning o.id, o.job_id, o.event
    ), told as (
        insert into jobs.job_event (job_id, type, actor, reason, detail)
        select g.job_id, 'dead_letter_discarded', _actor, _reason, jsonb_build_object('consumer', _consumer, 'event', g.event)
          from gone as g where g.job_id is not null
    )
    select count(*), jsonb_path_query_array(jsonb_agg(format('%s of job %s', g.event, g.job_id) order by g.id), '$[0 to 99]')
      into _discarded, _gone from gone as g;
    if _discarded > 0 then
        perform jobs.record_audit(_actor, 'handlers.discard', _consumer, _reason, jsonb_strip_nulls(jsonb_build_object(
            'discarded', _discarded, 'events', _gone, 'task', _task, 'request_id', _request_id)));
        perform jobs.notify(array[jobs.consumer_channel(_consumer)]);
    end if;
    return _discarded;
end
$$;
