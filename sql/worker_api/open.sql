-- worker_api.open: opens a worker's session with its lease; the caller's login is its identity.
-- Caller: onewriter_worker
-- Writes: jobs.session.name, .login, .secret, .queues, .restricted, .lease, .info, .backend_pid, .opened_at, .last_seen_at, .expires_at, .worker_id, .draining
-- Calls: jobs.check_session, jobs.grant_queues, jobs.register_worker, jobs.require_armed
-- Raises: OWV01 {"field", "message"}, OWW01 {"field", "message"}, OWR01 for queues outside its grant or another login's name, OWE01, OWE02
create or replace function worker_api.open(
    _queues text[], _name text, _lease integer default 15, _info text default null,
    _environment text default null) returns json
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _secret constant text := gen_random_uuid()::text;
    _distinct constant text[] := (select array_agg(distinct q) from unnest(_queues) as q);
    _about jsonb;
    _restricted boolean;
    _worker jobs.worker;
    _now timestamptz;
    _id bigint;
begin
    perform jobs.require_armed(_environment);
    perform jobs.check_session(_queues, _name, _lease, _info);
    _about := _info::jsonb;
    _restricted := jobs.grant_queues(_queues);
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
    values (_name, session_user, _secret, _distinct, _restricted, make_interval(secs => _lease), _about,
            pg_backend_pid(), _now, _now, _now + make_interval(secs => _lease), _worker.id, _worker.draining_since is not null)
    returning id into _id;
    perform pg_notify('ow_sched', '');  -- the sweep may have to wake earlier than it planned
    return json_build_object('session', _id, 'secret', _secret, 'lease', _lease);
end
$$;
