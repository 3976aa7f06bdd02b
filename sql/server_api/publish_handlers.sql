-- server_api.publish_handlers: makes these pairs all that a consumer subscribes to; what waits for one that went is parked.
-- A pair is a task, an event, by what its ends are ordered, and the handlers' names. Audited where something changed.
-- Caller: onewriter_server
-- Writes: jobs.subscription.task, .event, .consumer, .ordered_by, .handlers, .published_at, jobs.subscription (deletes what is not published any more), jobs.outbox.parked_at, .next_at, .error, jobs.job_event.job_id, .type, .detail
-- Calls: jobs.fail_with, jobs.notify, jobs.record_audit, jobs.subscribes
-- Raises: OWV01 for a name that is reserved; class 22 and 23 for content that the tables refuse
create or replace function server_api.publish_handlers(_consumer text, _pairs text, _actor text) returns json
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _before jsonb;
    _removed bigint;
    _added bigint;
    _changed bigint;
    _parked bigint;
    _same bigint;
begin
    if _consumer in ('flows', 'webhooks') then
        perform jobs.fail_with('OWV01', format('%s is a consumer of onewriter''s own', _consumer),
                               '{"field": "consumer", "message": "is reserved"}');
    end if;
    -- One deployment after another.
    lock table jobs.subscription in share row exclusive mode;
    with pair as (
        select x.task, x.event from jsonb_to_recordset(_pairs::jsonb) as x(task text, event text)
    ), gone as (
        delete from jobs.subscription as s
         where s.consumer = _consumer and not exists (select from pair as p where p.task = s.task and p.event = s.event)
        returning 1
    )
    select count(*) into _removed from gone;
    with pair as (
        select x.task, x.event, coalesce(x.ordered_by, 'job') as ordered_by, coalesce(x.handlers, '{}') as handlers
          from jsonb_to_recordset(_pairs::jsonb) as x(task text, event text, ordered_by text, handlers text[])
    ), kept as (
        insert into jobs.subscription as s (task, event, consumer, ordered_by, handlers, published_at)
        select p.task, p.event, _consumer, p.ordered_by, p.handlers, clock_timestamp() from pair as p
        on conflict (task, event, consumer) do update
           set ordered_by = excluded.ordered_by, handlers = excluded.handlers, published_at = excluded.published_at
         where (s.ordered_by, s.handlers) is distinct from (excluded.ordered_by, excluded.handlers)
        returning xmax = 0 as new
    )
    select count(*) filter (where k.new), count(*) filter (where not k.new) into _added, _changed from kept as k;
    select count(*) - _added - _changed into _same from jobs.subscription as s where s.consumer = _consumer;
    -- What a handler works on at this moment is waited for: it ends there, or here.
    with parked as (
        update jobs.outbox as o
           set parked_at = clock_timestamp(), next_at = null, error = 'nobody subscribes to this any more'
         where o.consumer = _consumer and o.parked_at is null and not jobs.subscribes(_consumer, o.task, o.event)
        returning o.job_id, o.event, o.error
    ), told as (
        insert into jobs.job_event (job_id, type, detail)
        select p.job_id, 'dead_letter', jsonb_build_object('consumer', _consumer, 'event', p.event, 'error', p.error)
          from parked as p where p.job_id is not null
    )
    select count(*) into _parked from parked;
    if _added + _changed + _removed + _parked > 0 then
        perform jobs.record_audit(_actor, 'handlers.publish', _consumer, null, jsonb_build_object(
            'added', _added, 'removed', _removed, 'changed', _changed, 'parked', _parked));
        perform jobs.notify(array['ow_out']);
    end if;
    return json_build_object('added', _added, 'removed', _removed, 'changed', _changed, 'unchanged', _same, 'parked', _parked);
end
$$;
