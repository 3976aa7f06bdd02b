-- jobs.record_audit: writes one line of the audit; its only writer.
-- Caller: internal
-- Writes: jobs.audit.actor, .login, .action, .target, .reason, .detail
-- Raises: nothing
create or replace function jobs.record_audit(
    _actor text, _action text, _target text, _reason text, _detail jsonb default null) returns bigint
    language sql
    set search_path = pg_catalog, jobs, pg_temp
as $$
    insert into jobs.audit (actor, login, action, target, reason, detail)
    values (coalesce(_actor, session_user), session_user, _action, _target, _reason, _detail)
    returning id
$$;
