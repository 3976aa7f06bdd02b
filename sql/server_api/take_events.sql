-- server_api.take_events: hands a consumer open events of these pairs; they are its own until its transaction ends.
-- A pair is a task and an event, * for any. At most 1,000, by id.
-- Caller: onewriter_handler
-- Writes: nothing
-- Calls: jobs.lock_events
-- Raises: nothing
create or replace function server_api.take_events(_consumer text, _tasks text[], _events text[], _limit integer) returns text
    language plpgsql security definer
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
    set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
    _ids constant bigint[] := jobs.lock_events(_consumer, _tasks, _events, least(_limit, 1000));
begin
    -- What the run left that ended then: the job itself may have run anew. An end without a run has none; it failed only
    -- by waiting too long.
    return (
        select coalesce(json_agg(json_build_object(
                   'id', o.id, 'event', o.event, 'at', o.at, 'deliveries', o.attempts,
                   'job', json_build_object(
                       'id', o.job_id, 'task', o.task, 'queue', j.queue, 'key', j.key, 'lock', j.lock, 'args', j.args,
                       'priority', j.priority, 'created_at', j.created_at, 'parent_id', j.parent_id, 'run_id', j.run_id),
                   'attempt', coalesce(r.attempt, j.attempts),
                   'reason', coalesce(r.reason::text, case o.event when 'failed' then 'expired' end),
                   'result', r.result, 'error', r.error, 'started_at', r.started_at,
                   'finished_at', coalesce(r.finished_at, o.at), 'cause', j.cause) order by o.id), '[]')
          from jobs.outbox as o
          join server_api.job as j on j.id = o.job_id
          left join lateral (
               select u.attempt, u.reason, u.result, u.error, u.started_at, u.finished_at from jobs.run as u
                where u.job_id = o.job_id and u.claim_no = o.claim_no limit 1) as r on true
         where o.id = any (_ids));
end
$$;
