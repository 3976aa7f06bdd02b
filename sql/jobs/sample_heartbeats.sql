-- jobs.sample_heartbeats: reads workers' heartbeats from their sessions, whose exchanges are left alone; one worker or all.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.record_heartbeats
-- Raises: nothing
create or replace function jobs.sample_heartbeats(_worker bigint) returns void
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _seen record;
begin
    -- What somebody holds is left for the next time: a worker that opens a session and does not commit stops nobody.
    select array_agg(n.id order by n.id) as workers, array_agg(n.last_seen_at order by n.id) as at,
           array_agg(n.session order by n.id) as sessions
      into _seen
      from (select w.id, s.last_seen_at, s.session
              from jobs.worker as w
              join (select distinct on (o.worker_id) o.worker_id, o.last_seen_at, o.id as session
                      from jobs.session as o order by o.worker_id, o.last_seen_at desc) as s on s.worker_id = w.id
             where (_worker is null or w.id = _worker)
               and (w.last_heartbeat_at is null or s.last_seen_at > w.last_heartbeat_at)
             for update of w skip locked) as n;
    if _seen.workers is not null then
        perform jobs.record_heartbeats(_seen.workers, _seen.at, _seen.sessions);
    end if;
end
$$;
