-- jobs.candidates: locks the next ready jobs of the queues, in order of priority and age.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.candidates(
    _queues text[], _most integer, _alone boolean, _floor jsonb, out ids bigint[], out plain boolean)
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off
    set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
    _now constant timestamptz := clock_timestamp();
    _paused constant text[] := array(select q.name from jobs.queue as q where q.paused_at is not null);
begin
    -- plain: all of them may be handed out as they are, without a look at locks, crashes or the size of arguments.
    if _floor is not null then
        select array_agg(c.id), coalesce(bool_and(c.plain) and sum(c.size) <= 262144 and count(*) <= _most, true)
          into ids, plain
          from jsonb_array_elements(_floor) as f cross join lateral
               (select j.id, j.gate = 0 and j.crashes is null as plain, pg_column_size(j.args) as size
                  from procrastinate_jobs as j
                 where j.status = 'todo' and j.gate < 2 and j.queue_name = f ->> 0
                   and j.priority = (f ->> 1)::integer and j.id > (f ->> 2)::bigint
                   and (j.expires_at is null or j.expires_at > _now) and (j.crashes is null or j.crashes = 0)
                 order by j.priority desc, j.id limit _most for update skip locked) as c
         where f ->> 0 <> all (_paused) and (_queues is null or f ->> 0 = any (_queues));
    elsif _queues is null and _paused = '{}' then
        select array_agg(c.id), coalesce(bool_and(c.plain) and sum(c.size) <= 262144, true) into ids, plain
          from (select j.id, j.gate = 0 and j.crashes is null as plain, pg_column_size(j.args) as size
                  from procrastinate_jobs as j
                 where j.status = 'todo' and j.gate in (0, 1)
                   and (j.expires_at is null or j.expires_at > _now)
                   and (_alone or j.crashes is null or j.crashes = 0)
                 order by j.priority desc, j.id limit _most for update skip locked) as c;
    else
        select array_agg(c.id), coalesce(bool_and(c.plain) and sum(c.size) <= 262144 and count(*) <= _most, true)
          into ids, plain
          from unnest(coalesce(_queues, array(select q.name from jobs.queue as q))) as queue cross join lateral
               (select j.id, j.gate = 0 and j.crashes is null as plain, pg_column_size(j.args) as size
                  from procrastinate_jobs as j
                 where j.status = 'todo' and j.gate < 2 and j.queue_name = queue
                   and (j.expires_at is null or j.expires_at > _now)
                   and (_alone or j.crashes is null or j.crashes = 0)
                 order by j.priority desc, j.id limit _most for update skip locked) as c
         where queue <> all (_paused);
    end if;
end
$$;
