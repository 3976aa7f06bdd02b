-- worker_api.resume: after a lost connection: a new secret, and what the worker does not hold goes back to its queue.
-- Caller: onewriter_worker
-- Writes: jobs.session.secret, .backend_pid, .last_seen_at, .expires_at
-- Calls: jobs.channels, jobs.fail_with, jobs.give_back, jobs.held_session, jobs.notify, jobs.require_armed, jobs.unpark
-- Raises: OWV01 for a call that is too large; 22P02 for text that is no JSON, 22023 for JSON that is no array; as jobs.require_armed
create or replace function worker_api.resume(
    _session bigint, _secret text, _held text, _environment text default null) returns json
    language plpgsql security definer
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
as $$
declare
    _new constant text := gen_random_uuid()::text;
    _now timestamptz;
    _back record;
begin
    perform jobs.require_armed(_environment);
    if octet_length(_held) > 1048576 then
        perform jobs.fail_with('OWV01', 'held is over 1 MB', '{"field": "held", "message": "over 1 MB"}');
    end if;
    -- Waits for an exchange still in flight on the old connection; the new secret turns away one that comes later.
    perform from jobs.session as s where s.id = _session and s.login = session_user for update;
    if (jobs.held_session(_session, _secret)).id is null then
        return '{"gone": true}';
    end if;
    _now := clock_timestamp();
    update jobs.session as s
       set secret = _new, backend_pid = pg_backend_pid(), last_seen_at = _now, expires_at = _now + s.lease
     where s.id = _session;
    select b.* into _back from jobs.give_back(_session, 'release', (
        select coalesce(jsonb_agg(jsonb_build_array(j.id, j.claim_no)), '[]') from procrastinate_jobs as j
         where j.worker_id = _session and j.status = 'doing'
           -- Compared whole: jsonb's @> knows no order, and takes [2, 1] for [1, 2].
           and not exists (select from jsonb_array_elements(coalesce(_held::jsonb, '[]')) as h
                            where h = jsonb_build_array(j.id, j.claim_no)))) as b;
    perform jobs.notify(_back.signals || jobs.channels(_back.queues || jobs.unpark(_back.locks)));
    return json_build_object('secret', _new);
end
$$;
