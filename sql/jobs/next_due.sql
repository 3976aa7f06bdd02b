-- jobs.next_due: seconds until the next scheduled job of the queues is due; null if there is none.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.next_due(_queues text[]) returns numeric
    language plpgsql
    set search_path = pg_catalog, procrastinate, pg_temp
    set enable_seqscan = off set enable_bitmapscan = off
as $$
declare
    _at timestamptz;
begin
    if _queues is null then
        select j.scheduled_at into _at from procrastinate_jobs as j
         where j.status = 'todo' and j.gate = 2 order by j.scheduled_at limit 1;
    else
        select min(d.scheduled_at) into _at from unnest(_queues) as q cross join lateral
               (select j.scheduled_at from procrastinate_jobs as j
                 where j.status = 'todo' and j.gate = 2 and j.queue_name = q
                 order by j.scheduled_at limit 1) as d;
    end if;
    return case when _at is not null then greatest(0, round(extract(epoch from _at - clock_timestamp()), 4)) end;
end
$$;
