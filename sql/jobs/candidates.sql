-- jobs.candidates: locks the next ready jobs of the queues, in order of priority and age.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.candidates(_queues text[], _most integer, _alone boolean, _floor jsonb)
    returns table (id bigint, priority integer, gate smallint, crashes smallint, size integer, queue_name text)
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off
    set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
    _now constant timestamptz := clock_timestamp();
    _paused constant text[] := array(select q.name from jobs.queue as q where q.paused_at is not null);
begin
    if _floor is not null then
        return query
        select c.* from jsonb_array_elements(_floor) as f cross join lateral
               (select j.id, j.priority, j.gate, j.crashes, pg_column_size(j.args), j.queue_name::text
                  from procrastinate_jobs as j
                 where j.status = 'todo' and j.gate < 2 and j.queue_name = f ->> 0
                   and j.priority = (f ->> 1)::integer and j.id > (f ->> 2)::bigint
                   and (j.expires_at is null or j.expires_at > _now)
                   and (j.crashes is null or j.crashes = 0)
                 order by j.priority desc, j.id limit _most for update skip locked) as c
         where f ->> 0 <> all (_paused) and (_queues is null or f ->> 0 = any (_queues));
    elsif _queues is null and _paused = '{}' then
        return query
        select j.id, j.priority, j.gate, j.crashes, pg_column_size(j.args), j.queue_name::text
          from procrastinate_jobs as j
         where j.status = 'todo' and j.gate in (0, 1)
           and (j.expires_at is null or j.expires_at > _now)
           and (_alone or j.crashes is null or j.crashes = 0)
         order by j.priority desc, j.id limit _most for update skip locked;
    else
        return query
        select c.* from unnest(coalesce(_queues, array(select q.name from jobs.queue as q))) as queue
         cross join lateral
               (select j.id, j.priority, j.gate, j.crashes, pg_column_size(j.args), j.queue_name::text
                  from procrastinate_jobs as j
                 where j.status = 'todo' and j.gate < 2 and j.queue_name = queue
                   and (j.expires_at is null or j.expires_at > _now)
                   and (_alone or j.crashes is null or j.crashes = 0)
                 order by j.priority desc, j.id limit _most for update skip locked) as c
         where queue <> all (_paused);
    end if;
end
$$;
