-- jobs.stale_workers: when each active worker is stale: this long after its last heartbeat, and not while a lease runs.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.stale_workers(_after interval) returns table (worker_id bigint, stale_at timestamptz)
    language sql stable
    set search_path = pg_catalog, jobs, pg_temp
as $$
    -- A session that beats seldom has a lease as long. Who was made active by hand is given the same time.
    select w.id, greatest(greatest(w.last_heartbeat_at, w.changed_at) + _after, l.ends_at)
      from jobs.worker as w
      left join (select s.worker_id, max(s.expires_at) as ends_at from jobs.session as s
                  where s.lost_at is null and s.closed_at is null group by s.worker_id) as l on l.worker_id = w.id
     where w.status = 'active'
$$;
