-- jobs.promote: makes scheduled jobs ready whose time has come.
-- Caller: internal
-- Writes: procrastinate.procrastinate_jobs.gate, .scheduled_at, .due_at
-- Raises: nothing
create or replace function jobs.promote(_queues text[], _most integer) returns integer
    language plpgsql
    set search_path = pg_catalog, procrastinate, pg_temp
    set enable_seqscan = off set enable_bitmapscan = off set plan_cache_mode = force_generic_plan
as $$
declare
    _now constant timestamptz := clock_timestamp();
    _due bigint[];
begin
    select array_agg(d.id) into _due
      from (select j.id from procrastinate_jobs as j
             where j.status = 'todo' and j.gate = 2 and j.scheduled_at <= _now
               and (_queues is null or j.queue_name = any (_queues))
             order by j.scheduled_at limit _most for update skip locked) as d;
    if _due is null then
        return 0;
    end if;
    update procrastinate_jobs as j
       set gate = case when j.lock is null then 0 else 1 end, due_at = j.scheduled_at, scheduled_at = null
     where j.id = any (_due) and j.status = 'todo' and j.gate = 2;
    return cardinality(_due);
end
$$;
