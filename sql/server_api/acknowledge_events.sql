-- server_api.acknowledge_events: deletes events whose handlers are done and starts what they asked for, in one transaction.
-- Answers the ids of the jobs and what to signal after the commit.
-- Caller: onewriter_handler
-- Writes: jobs.outbox (deletes what was handled)
-- Calls: jobs.fail_with, jobs.start_follow_ups
-- Raises: OWS01 {"ids"} for events that are not open; as jobs.start_follow_ups
create or replace function server_api.acknowledge_events(_acks text) returns text
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
    set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
    set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
    _ids constant bigint[] := array(select (a ->> 'id')::bigint from jsonb_array_elements(_acks::jsonb) as a);
    _gone jsonb;
    _asked jsonb;
    _jobs bigint[] := '{}';
    _skipped bigint[] := '{}';
    _wake text[] := '{}';
begin
    with gone as (
        -- The ends of flows and of webhooks are onewriter's own: a handler's login must not make them unsaid.
        delete from jobs.outbox as o
         where o.id = any (_ids) and o.parked_at is null and o.consumer not in ('flows', 'webhooks')
        returning o.id, o.consumer, o.job_id
    )
    select jsonb_object_agg(g.id, jsonb_build_object('consumer', g.consumer, 'job_id', g.job_id)) into _gone from gone as g;
    -- Somebody else's acknowledgement, or a second one: what the handlers wrote must not stand twice.
    if exists (select from unnest(_ids) as i where _gone -> i::text is null) then
        perform jobs.fail_with('OWS01', 'these events are not open any more', jsonb_build_object(
            'ids', array(select i from unnest(_ids) as i where _gone -> i::text is null)));
    end if;
    select jsonb_agg(jsonb_build_object('follow', t.ack -> 'follow', 'cause', jsonb_build_object(
               'kind', 'parent', 'actor', 'handler ' || (t.event ->> 'consumer'), 'ref', 'job ' || (t.event ->> 'job_id'),
               'parent_id', t.event -> 'job_id')) order by t.n)
      into _asked
      from (select a.ack, a.n, _gone -> (a.ack ->> 'id') as event
              from jsonb_array_elements(_acks::jsonb) with ordinality as a(ack, n)) as t
     where t.ack -> 'follow' <> '[]';
    if _asked is not null then
        select f.ids, f.skipped, f.wake into _jobs, _skipped, _wake from jobs.start_follow_ups(_asked) as f;
    end if;
    return json_build_object('jobs', _jobs, 'skipped', _skipped,
                             'wake', array(select distinct w from unnest(_wake) as w where w is not null));
end
$$;
