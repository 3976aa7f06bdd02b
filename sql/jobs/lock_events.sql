-- jobs.lock_events: locks open events of a consumer that may be handled now and answers their ids; none of onewriter's own.
-- Of each order key the first, then those behind it; what somebody else holds is passed over.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.lock_events(_consumer text, _tasks text[], _events text[], _limit integer) returns bigint[]
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
    set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
    set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
    _now constant timestamptz := clock_timestamp();
    _heads bigint[];
    _rest bigint[];
begin
    if _consumer in ('flows', 'webhooks') then
        return '{}';
    end if;
    -- The first of an order is asked for by a subquery that is no join: one look into its index, whatever is planned.
    -- What waits after a failure has an index of its own: neither it nor what is fresh is behind the other. What is fresh
    -- is ordered by the consumer too: by id alone all ends of another that stands still might be read through.
    _heads := array(
        select o.id from jobs.outbox as o
         where o.consumer = _consumer and o.parked_at is null and o.next_at is not null and o.next_at <= _now
           and exists (select from unnest(_tasks, _events) as p(task, event)
                        where p.task in (o.task, '*') and p.event in (o.event, '*'))
           and o.id = (select e.id from jobs.outbox as e
                        where e.consumer = _consumer and e.order_key = o.order_key and e.parked_at is null
                        order by e.id limit 1)
         order by o.next_at limit _limit for update skip locked);
    _heads := _heads || array(
        select o.id from jobs.outbox as o
         where (o.consumer, o.id) > (_consumer, 0) and o.consumer <= _consumer and o.parked_at is null and o.next_at is null
           and exists (select from unnest(_tasks, _events) as p(task, event)
                        where p.task in (o.task, '*') and p.event in (o.event, '*'))
           and o.id = (select e.id from jobs.outbox as e
                        where e.consumer = _consumer and e.order_key = o.order_key and e.parked_at is null
                        order by e.id limit 1)
         order by o.consumer, o.id limit _limit - cardinality(_heads) for update skip locked);
    -- Of two ends that were recorded at the same time the later may be seen first and be held by another consumer: their
    -- key or lock goes to one at a time. A job ends once at a time.
    _heads := array(
        select o.id from jobs.outbox as o
         where o.id = any (_heads)
           and (o.order_key like 'job %' or pg_try_advisory_xact_lock(hashtextextended(concat_ws(' ', 'onewriter events', _consumer, o.order_key), 0))));
    if cardinality(_heads) < _limit then
        -- Behind a head only what follows without a gap: not what waits after a failure, nor what is not asked for.
        _rest := array(
            select f.id
              from jobs.outbox as h
             cross join lateral (
                   select r.id, bool_and(r.next_at is null and exists (
                              select from unnest(_tasks, _events) as p(task, event)
                               where p.task in (r.task, '*') and p.event in (r.event, '*'))) over (order by r.id) as follows
                     from (select o.id, o.next_at, o.task, o.event from jobs.outbox as o
                            where o.consumer = _consumer and o.order_key = h.order_key and o.parked_at is null and o.id > h.id
                            order by o.id limit _limit - cardinality(_heads)) as r) as f
             where h.id = any (_heads) and f.follows
             order by f.id limit _limit - cardinality(_heads));
        _heads := _heads || array(
            select o.id from jobs.outbox as o
             where o.id = any (_rest) and o.parked_at is null and o.next_at is null for update skip locked);
    end if;
    return _heads;
end
$$;
