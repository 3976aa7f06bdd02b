-- server_api.delay_event: notes that the handlers of an event raised: it is tried again later, or is a dead letter.
-- After 1 s, 2 s, … 10 min; dead after so many times. A try may be counted before it is made, since a handler may take
-- its process along; then this says why it failed. Null where the event is not open any more.
-- Caller: onewriter_handler
-- Writes: jobs.outbox.attempts, .next_at, .parked_at, .error, jobs.job_event.job_id, .type, .detail
-- Raises: nothing
create or replace function server_api.delay_event(_id bigint, _error text, _most integer, _counted boolean default false) returns json
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
    set plan_cache_mode = force_generic_plan
as $$
declare
    _now constant timestamptz := clock_timestamp();
    _more constant integer := (not _counted)::integer;
    _answer json;
begin
    -- Up to a quarter less, so that what failed together does not come back together.
    with delayed as (
        update jobs.outbox as o
           set attempts = o.attempts + _more, error = left(_error, 4096),
               next_at = case when o.attempts + _more < _most
                              then _now + make_interval(secs => least(600, 2 ^ least(o.attempts + _more - 1, 10)) * (1 - random() / 4)) end,
               parked_at = case when o.attempts + _more >= _most then _now end
         where o.id = _id and o.parked_at is null and o.consumer not in ('flows', 'webhooks')
        returning o.*
    ), told as (
        insert into jobs.job_event (job_id, type, detail)
        select d.job_id, 'dead_letter', jsonb_build_object('consumer', d.consumer, 'event', d.event, 'error', d.error)
          from delayed as d where d.parked_at is not null and d.job_id is not null
    )
    select json_build_object('parked', d.parked_at is not null, 'deliveries', d.attempts,
                             'seconds', round(extract(epoch from d.next_at - _now), 3))
      into _answer from delayed as d;
    return _answer;
end
$$;
