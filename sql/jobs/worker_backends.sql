-- jobs.worker_backends: the backends of workers' logins in this database, and when each passes a limit.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.is_worker
-- Raises: nothing
create or replace function jobs.worker_backends() returns table (
    pid integer, started timestamptz, login name, application text, client inet, state text, rule text, limit_at timestamptz)
    language sql
    set search_path = pg_catalog, jobs, pg_temp
as $$
    -- The limits are fixed: a parameter could be stolen with the login that gives it. A statement on its own has 15 s; a
    -- transaction in which something else happened, or nothing happens, has 5 s. One whose state is idle delivers NOTIFYs.
    -- After that commit a client that does not read keeps it in ClientWrite, where the queue of NOTIFYs waits for it.
    select a.pid, a.backend_start, a.usename, a.application_name, a.client_addr, a.state, l.rule, l.limit_at
      from pg_stat_activity as a
      left join lateral (
           select v.rule, v.limit_at
             from (select a.state in ('active', 'fastpath function call') as busy) as b
             cross join lateral (values
                   ('transaction', a.xact_start + interval '5 s',
                    not b.busy or a.query_start > a.xact_start + interval '1 s'),
                   ('statement', a.query_start + interval '15 s', b.busy),
                   ('unread', a.state_change + interval '15 s',
                    not b.busy and a.xact_start is null and a.wait_event = 'ClientWrite')) as v(rule, limit_at, applies)
            where v.applies and v.limit_at is not null order by v.limit_at limit 1) as l on true
     where a.datname = current_database() and a.backend_type = 'client backend' and jobs.is_worker(a.usename)
$$;
