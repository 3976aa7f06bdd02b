-- jobs.revoke_worker_login: a worker's login opens and claims nothing any more, and its sessions are lost; audited.
-- Caller: internal
-- Writes: jobs.worker_login.login, .created_by, .revoked_at, .revoked_by, .revoke_reason, jobs.session.lost_at
-- Calls: jobs.fail_with, jobs.guard_queues, jobs.notify, jobs.record_audit, jobs.terminate_login
-- Raises: OWN02 {"login"}; 42501 where the owner was not granted pg_signal_backend
create or replace function jobs.revoke_worker_login(_login name, _actor text, _reason text) returns json
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set lock_timeout = '10s'
as $$
declare
    _now constant timestamptz := clock_timestamp();
    _connections integer;
    _lost bigint[];
    _held bigint;
begin
    if not exists (select from pg_roles as r
                    where r.rolname = _login and not r.rolsuper and pg_has_role(r.oid, 'onewriter_worker', 'USAGE'))
       and not exists (select from jobs.worker_login as l where l.login = _login) then
        perform jobs.fail_with('OWN02', 'no worker login of this name', jsonb_build_object('login', _login));
    end if;
    _connections := jobs.terminate_login(_login);
    -- One that was never restricted gets its row here: it is what `open` asks.
    insert into jobs.worker_login as l (login, created_by, revoked_at, revoked_by, revoke_reason)
    values (_login, _actor, _now, _actor, _reason)
    on conflict (login) do update
       set revoked_at = coalesce(l.revoked_at, _now), revoked_by = coalesce(l.revoked_by, excluded.revoked_by),
           revoke_reason = coalesce(l.revoke_reason, excluded.revoke_reason);
    perform jobs.guard_queues();
    -- Waits for an exchange that is just ending: it may have claimed. Rescue finds what is doing under a lost session.
    perform from jobs.session as s where s.login = _login and s.lost_at is null and s.closed_at is null order by s.id for update;
    with lost as (
        update jobs.session as s set lost_at = _now
         where s.login = _login and s.lost_at is null and s.closed_at is null
        returning s.id
    )
    select array_agg(l.id) into _lost from lost as l;
    select count(*) into _held from procrastinate_jobs as j where j.status = 'doing' and j.worker_id = any (_lost);
    perform jobs.record_audit(_actor, 'workers.login.revoke', _login, _reason, jsonb_build_object(
        'sessions', _lost, 'connections', _connections, 'jobs', _held));
    perform jobs.notify(array['ow_sched']);
    return json_build_object('sessions', coalesce(cardinality(_lost), 0), 'connections', _connections, 'jobs', _held);
end
$$;
