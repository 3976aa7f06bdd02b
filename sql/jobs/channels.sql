-- jobs.channels: the two channels on which a queue's workers are signalled: its own, and the one of all queues.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.channels(_queues text[]) returns text[]
    language sql stable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    -- A hash, since a channel has at most 63 bytes and a queue's name may be longer.
    select array_agg('ow_q_' || left(md5(q), 16)) || 'ow_any'::text
      from (select distinct unnest(_queues) as q) as queue
     where q is not null
    having count(*) > 0
$$;
