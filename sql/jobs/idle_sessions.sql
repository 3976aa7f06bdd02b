-- jobs.idle_sessions: the sessions that serve one of these queues (null: any) and have a free slot, eldest first.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.idle_sessions(_queues text[]) returns setof bigint
    language sql stable
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_seqscan = off set enable_bitmapscan = off
as $$
    select s.id from jobs.session as s left join jobs.worker as w on w.name = s.name
     where s.lost_at is null and s.closed_at is null and not s.draining
       and (s.queues is null or _queues is null or s.queues && _queues)
       and coalesce(w.capacity, 1) > (select count(*) from procrastinate_jobs as j
                                       where j.worker_id = s.id and j.status = 'doing')
     order by s.id
$$;
