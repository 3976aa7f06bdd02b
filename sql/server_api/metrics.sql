-- server_api.metrics: everything that GET /metrics tells of the database, in one read whose cost has a bound.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.alert_states, jobs.queue_depths
-- Raises: nothing
create or replace function server_api.metrics() returns json
    language sql security definer
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
    -- Counters are sequences and rows that only grow. A counter of ends would cost each end something: there is none.
    select json_build_object(
        'queues', (select coalesce(json_agg(d), '[]') from jobs.queue_depths(100, 10000) as d),
        'queues_known', (select count(*) from jobs.queue),
        'alerts', (select json_agg(json_build_object('name', a.alert, 'severity', a.severity, 'active', a.active,
                                                     'value', a.value)) from jobs.alert_states() as a),
        'workers', (select json_build_object('live', count(*) filter (where s.expires_at >= clock_timestamp()),
                                             'late', count(*) filter (where s.expires_at < clock_timestamp()))
                      from jobs.session as s where s.lost_at is null and s.closed_at is null),
        'outbox', (select coalesce(json_agg(json_build_object(
                       'consumer', o.consumer, 'waiting', o.waiting, 'delayed', o.delayed, 'dead', o.dead,
                       'oldest', coalesce(extract(epoch from clock_timestamp() - o.oldest_at), 0))), '[]')
                     from server_api.outbox_state as o),
        'enqueued', (select case when s.is_called then s.last_value else 0 end from procrastinate_jobs_id_seq as s),
        'late_results', (select case when s.is_called then s.last_value else 0 end from jobs.late_results_id_seq as s),
        'row_updates', (select t.n_tup_upd from pg_stat_user_tables as t
                         where t.schemaname = 'procrastinate' and t.relname = 'procrastinate_jobs'),
        'repeated', (select t.n_tup_ins from pg_stat_user_tables as t where t.schemaname = 'jobs' and t.relname = 'attempt'),
        'ended', (select coalesce(json_object_agg(e.rule, e.times), '{}')
                    from (select b.rule, sum(b.times) as times from jobs.ended_backend as b group by b.rule) as e))
$$;
