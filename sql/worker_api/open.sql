-- worker_api.open: opens a worker's session with its lease; the caller's login is its identity.
-- Caller: onewriter_worker
-- Writes: jobs.session.name, .login, .secret, .queues, .restricted, .lease, .info, .backend_pid, .opened_at, .last_seen_at, .expires_at, .worker_id, .draining
-- Calls: jobs.fail_with, jobs.grant_queues, jobs.register_worker
-- Raises: OWV01, OWW01 {"field", "message"}, OWR01 {"queues", "granted"} or for a name that belongs to another login
create or replace function worker_api.open(
    _queues text[], _name text, _lease integer default 15, _info text default null) returns json
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _now timestamptz;
    _secret constant text := gen_random_uuid()::text;
    _about jsonb;
    _restricted boolean;
    _distinct text[];
    _worker jobs.worker;
    _id bigint;
begin
    if _lease is null or _lease not between 5 and 300 then
        perform jobs.fail_with('OWV01', 'a lease is 5 to 300 seconds',
                               '{"field": "lease", "message": "must be between 5 and 300"}');
    elsif _name is null or length(_name) not between 1 and 128 then
        perform jobs.fail_with('OWV01', 'a name has 1 to 128 characters',
                               '{"field": "name", "message": "must have 1 to 128 characters"}');
    elsif _name ~ '[[:cntrl:]]' then
        perform jobs.fail_with('OWV01', 'a name has no control characters',
                               '{"field": "name", "message": "must have no control characters"}');
    elsif cardinality(_queues) = 0 or cardinality(_queues) > 1000 or array_position(_queues, null) is not null then
        perform jobs.fail_with('OWV01', '1 to 1,000 queues, or null for all',
                               '{"field": "queues", "message": "1 to 1,000 names, or null for all"}');
    elsif exists (select from unnest(_queues) as q where length(q) > 128) then
        perform jobs.fail_with('OWV01', 'a queue''s name has at most 128 characters',
                               '{"field": "queues", "message": "a name is over 128 characters"}');
    elsif octet_length(_info) > 8192 or jsonb_path_exists(_info::jsonb, '$.**{33}') then
        perform jobs.fail_with('OWV01', 'info is over 8 KB or 32 levels deep',
                               '{"field": "info", "message": "over 8 KB or 32 levels deep"}');
    elsif (select count(*) from jobs.session as s
            where s.login = session_user and s.lost_at is null and s.closed_at is null) >= 1000 then
        -- Each would have to be swept in a transaction of its own, with everybody else's lost jobs behind them.
        perform jobs.fail_with('OWV01', 'this login has 1,000 sessions open',
                               '{"field": "name", "message": "the login has 1,000 sessions open"}');
    end if;
    _about := _info::jsonb;
    _restricted := jobs.grant_queues(_queues);
    _distinct := (select array_agg(distinct q) from unnest(_queues) as q);
    _worker := jobs.register_worker(
        _name, _about ->> 'region',
        case when jsonb_typeof(_about -> 'concurrency') = 'number' and (_about -> 'concurrency')::numeric between 1 and 100000
             then (_about -> 'concurrency')::integer end,
        _distinct, case jsonb_typeof(_about -> 'versions') when 'object' then _about -> 'versions' else '{}' end,
        session_user, true);
    _now := clock_timestamp();  -- it may have waited for the worker's row
    insert into jobs.session
          (name, login, secret, queues, restricted, lease, info, backend_pid, opened_at, last_seen_at, expires_at, worker_id,
           draining)
    values (_name, session_user, _secret, _distinct, _restricted, make_interval(secs => _lease), _about, pg_backend_pid(),
            _now, _now, _now + make_interval(secs => _lease), _worker.id, _worker.draining_since is not null)
    returning id into _id;
    perform pg_notify('ow_sched', '');  -- the sweep may have to wake earlier than it planned
    return json_build_object('session', _id, 'secret', _secret, 'lease', _lease);
end
$$;
