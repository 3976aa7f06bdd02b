-- server_api.next_event: in how many seconds an event of these pairs is due that the consumer could take; null: none waits.
-- Caller: onewriter_handler
-- Writes: nothing
-- Calls: jobs.lock_events
-- Raises: nothing
create or replace function server_api.next_event(_consumer text, _tasks text[], _events text[]) returns double precision
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
    set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
    set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
    _next timestamptz;
begin
    if jobs.lock_events(_consumer, _tasks, _events, 1) <> '{}' then
        return 0;
    end if;
    select min(o.next_at) into _next from jobs.outbox as o
     where o.consumer = _consumer and o.parked_at is null and o.next_at > clock_timestamp()
       and exists (select from unnest(_tasks, _events) as p(task, event)
                    where p.task in (o.task, '*') and p.event in (o.event, '*'));
    -- A first of its order that is due is held by somebody, who may die without a word: a look a second while that lasts.
    if exists (select from jobs.outbox as o
                where o.consumer = _consumer and o.parked_at is null and (o.next_at is null or o.next_at <= clock_timestamp())
                  and exists (select from unnest(_tasks, _events) as p(task, event)
                               where p.task in (o.task, '*') and p.event in (o.event, '*'))
                  and o.id = (select e.id from jobs.outbox as e
                               where e.consumer = _consumer and e.order_key = o.order_key and e.parked_at is null
                               order by e.id limit 1)) then
        _next := least(_next, clock_timestamp() + interval '1 s');
    end if;
    return case when _next is not null then greatest(0, extract(epoch from _next - clock_timestamp())) end;
end
$$;
