-- jobs.record_ends: tells whoever wants to know how these jobs ended; answers the channels to signal after the commit.
-- That are consumers that subscribe (handlers, webhooks), flows and runs of schedules.
-- Caller: internal
-- Writes: jobs.outbox.consumer, .event, .task, .job_id, .claim_no, .order_key, .at, jobs.flow_member.status, .ended_at
-- Calls: jobs.consumer_channel, jobs.end_members
-- Raises: nothing
create or replace function jobs.record_ends(_jobs bigint[]) returns text[]
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_nestloop = on set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
    set enable_bitmapscan = off
    set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
    _wake text[];
begin
    -- Whoever ends jobs names those that it has just ended, each once: nobody else can have told of these ends. A run that
    -- ended has its claim; what was cancelled or expired while it waited has none. A member is found by its job: `status is
    -- null` would lead the planner to the index of open members, all of them for each end.
    with ended as materialized (
        select j.id, j.status::text as event, j.task_name as task, j.lock, j.finished_at as at,
               case when j.worker_id is not null then j.claim_no end as claim_no
          from procrastinate_jobs as j
         where j.id = any (_jobs) and j.status in ('succeeded', 'failed', 'cancelled', 'aborted')
    ), member as (
        update jobs.flow_member as m set status = e.event, ended_at = e.at
          from ended as e where m.job_id = e.id and coalesce(m.status, 'none') = 'none'
        returning m.flow_id, e.id, e.event, e.task, e.claim_no, e.at
    ), told as (
        insert into jobs.outbox (consumer, event, task, job_id, claim_no, order_key, at)
        select t.consumer, t.event, t.task, t.id, t.claim_no, t.order_key, t.at
          from (select c.consumer, e.event, e.task, e.id, e.claim_no, c.order_key, e.at
                  from ended as e cross join lateral (
                       -- A pair that names its task, then its event, says by what it is ordered.
                       select distinct on (s.consumer) s.consumer,
                              coalesce(case s.ordered_by
                                       when 'key' then (select 'key ' || d.key from jobs.job_detail as d where d.job_id = e.id)
                                       when 'lock' then 'lock ' || e.lock end, 'job ' || e.id) as order_key
                         from jobs.subscription as s
                        where s.task in (e.task, '*') and s.event in (e.event, '*')
                        order by s.consumer, s.task = '*', s.event = '*') as c
                union all
                select 'flows', m.event, m.task, m.id, m.claim_no, 'flow ' || m.flow_id, m.at from member as m) as t
         order by t.at, t.id
        returning consumer
    )
    select array_agg(jobs.consumer_channel(t.consumer)) into _wake from (select distinct o.consumer from told as o) as t;
    return coalesce(_wake, '{}') || jobs.end_members(_jobs);
end
$$;
