-- jobs.alert_states: every alert there is, whether it is active, what was measured, and what to do.
-- Caller: internal
-- Writes: nothing
-- Calls: inspect.open_snapshots, jobs.leader, jobs.setting_drift
-- Raises: nothing
create or replace function jobs.alert_states() returns table (
    alert text, severity text, active boolean, since timestamptz, value double precision, threshold double precision,
    detail text, remedy text)
    language sql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
    with now as materialized (select clock_timestamp() as at
    ), outbox as materialized (select o.* from server_api.outbox_state as o)
    select 'notification_queue', 'warning', q.usage > 0.05, null::timestamptz, q.usage, 0.05,
           format('the queue of NOTIFYs is %s percent full: at 100 every enqueue fails', round(q.usage::numeric * 100, 1)),
           'end the listener that is in an open transaction or whose client does not read: '
           'select pid, usename, xact_start from pg_stat_activity where xact_start < now() - interval ''1 min'' '
           'or wait_event = ''ClientWrite'';'
      from pg_notification_queue_usage() as q(usage)
    union all
    select 'oldest_snapshot', 'warning', coalesce(s.since < now.at - interval '60 s', false), s.since,
           coalesce(extract(epoch from now.at - s.since), 0), 60,
           format('%s of %s has been open since %s: vacuum removes nothing that died since', s.kind, s.login, s.since),
           s.remedy
      from now left join lateral (select o.* from inspect.open_snapshots() as o where o.since is not null
                                   order by o.since limit 1) as s on true
    union all
    -- Beyond autovacuum_freeze_max_age autovacuum freezes by itself; at twice that it has not come through.
    select m.alert, 'critical', m.age > m.most, null, m.age, m.most,
           format('the database %s is %s %s old; at 2,000 million PostgreSQL stops writing', m.datname, m.age, m.what),
           format('look what holds vacuum back (inspect.snapshots), then in %s: vacuum (freeze, verbose);', m.datname)
      from (select distinct on (v.alert) v.*, d.datname
              from pg_database as d cross join lateral (values
                   ('xid_age', 'transactions', age(d.datfrozenxid)::bigint,
                    least(2 * current_setting('autovacuum_freeze_max_age')::bigint, 1600000000)),
                   ('multixact_age', 'multixacts', mxid_age(d.datminmxid)::bigint,
                    least(2 * current_setting('autovacuum_multixact_freeze_max_age')::bigint, 1600000000)))
                   as v(alert, what, age, most)
             order by v.alert, v.age desc) as m
    union all
    select 'settings_drift', 'warning', count(*) > 0, null, count(*), 0,
           string_agg(format('%s: %s is %s, not %s', d.login, d.setting, coalesce(d.found, 'not set'), d.expected), '; '),
           string_agg(d.mend, ' ')
      from (select d.* from jobs.setting_drift() as d limit 20) as d
    union all
    select 'jobs_without_session', 'critical', count(*) > 0, null, count(*), 0,
           format('%s running jobs have no session, the first is %s', count(*), min(j.id)),
           'onewriter scheduler -- it gives them back; then find out who changed tables by hand'
      from procrastinate_jobs as j
     where j.status = 'doing' and not exists (
           select from jobs.session as s where s.id = j.worker_id and s.lost_at is null and s.closed_at is null)
    union all
    select 'sessions_overdue', 'critical', coalesce(min(s.expires_at) < max(now.at) - interval '60 s', false),
           min(s.expires_at), coalesce(greatest(extract(epoch from max(now.at) - min(s.expires_at)), 0), 0), 60,
           format('the lease of a worker (%s) ended at %s and nobody gave its jobs back', min(s.name), min(s.expires_at)),
           'onewriter scheduler -- is it running, and what does its log say?'
      from now left join jobs.session as s on s.lost_at is null and s.closed_at is null and s.expires_at < now.at
    union all
    select 'outbox_stalled', 'critical', coalesce(o.due_since < now.at - interval '60 s', false), o.due_since,
           coalesce(greatest(extract(epoch from now.at - o.due_since), 0), 0), 60,
           format('an end has waited for the consumer %s since %s: it stands still, or is too slow', o.consumer, o.due_since),
           case when o.consumer in ('flows', 'webhooks') then 'onewriter scheduler' else 'onewriter handlers run' end
           || ' -- is it running, and what does its log say?'
      from now left join (select b.consumer, b.due_since from outbox as b order by b.due_since limit 1) as o on true
    union all
    select 'dead_letters', 'warning', coalesce(sum(o.dead), 0) > 0, null, coalesce(sum(o.dead), 0), 0,
           'handlers gave up: ' || string_agg(format('%s of %s', o.dead, o.consumer), ', ') filter (where o.dead > 0),
           'onewriter handlers dead ls -- mend what raised, then replay; or discard'
      from outbox as o
    union all
    select 'no_scheduler', 'critical', l.pid is null, null, (l.pid is null)::integer, 0,
           'no scheduler leads: nothing is rescued, expired or pruned', 'onewriter scheduler'
      from jobs.leader('scheduler') as l(pid)
    union all
    select 'no_janitor', 'warning', count(*) = 0, null, (count(*) = 0)::integer, 0,
           'no janitor is connected: a worker''s login can keep a transaction open for ever',
           'onewriter logins create janitor1 --as janitor -- its DSN is the scheduler''s ONEWRITER_JANITOR_DATABASE_URL'
      from pg_stat_activity as a
     where a.datname = current_database() and a.usename in (
           select r.rolname from pg_roles as r where not r.rolsuper and pg_has_role(r.oid, 'onewriter_janitor', 'USAGE'))
    union all
    select 'backends_ended', 'warning', count(*) > 0, max(e.last_at), count(*), 0,
           'in the last 15 minutes backends of these logins were ended: ' || string_agg(distinct e.login, ', '),
           'select * from inspect.ended_backends; -- a defect of a task, a frozen worker, or a stolen login'
      from now join jobs.ended_backend as e on e.last_at > now.at - interval '15 min'
$$;
