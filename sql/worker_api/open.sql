-- worker_api.open: opens a worker's session with its lease; the caller's login is its identity.
-- Caller: onewriter_worker
-- Writes: jobs.session.name, .login, .secret, .queues, .lease, .info, .backend_pid, .opened_at, .last_seen_at, .expires_at
-- Calls: jobs.fail_with, jobs.require_armed
-- Raises: OWV01, as jobs.require_armed
create or replace function worker_api.open(
    _queues text[], _name text, _lease integer default 15, _info text default null,
    _environment text default null) returns json
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _now constant timestamptz := clock_timestamp();
    _secret constant text := gen_random_uuid()::text;
    _id bigint;
begin
    perform jobs.require_armed(_environment);
    if _lease is null or _lease not between 5 and 300 then
        perform jobs.fail_with('OWV01', 'a lease is 5 to 300 seconds',
                               '{"field": "lease", "message": "must be between 5 and 300"}');
    elsif _name is null or length(_name) not between 1 and 128 then
        perform jobs.fail_with('OWV01', 'a name has 1 to 128 characters',
                               '{"field": "name", "message": "must have 1 to 128 characters"}');
    elsif cardinality(_queues) = 0 or cardinality(_queues) > 1000 or array_position(_queues, null) is not null then
        perform jobs.fail_with('OWV01', '1 to 1,000 queues, or null for all',
                               '{"field": "queues", "message": "1 to 1,000 names, or null for all"}');
    elsif octet_length(_info) > 8192 then
        perform jobs.fail_with('OWV01', 'info is over 8 KB', '{"field": "info", "message": "over 8 KB"}');
    end if;
    insert into jobs.session
          (name, login, secret, queues, lease, info, backend_pid, opened_at, last_seen_at, expires_at)
    values (_name, session_user, _secret, (select array_agg(distinct q) from unnest(_queues) as q),
            make_interval(secs => _lease), _info::jsonb, pg_backend_pid(), _now, _now,
            _now + make_interval(secs => _lease))
    returning id into _id;
    perform pg_notify('ow_sched', '');  -- the sweep may have to wake earlier than it planned
    return json_build_object('session', _id, 'secret', _secret, 'lease', _lease);
end
$$;
