-- jobs.record_audit: writes one line of the audit and makes it the head of the chain; its only writer.
-- Caller: internal
-- Writes: jobs.audit.id, .at, .actor, .login, .action, .target, .reason, .detail, .hash, jobs.audit_head.id, .hash
-- Calls: jobs.audit_hash
-- Raises: nothing
create or replace function jobs.record_audit(
    _actor text, _action text, _target text, _reason text, _detail jsonb default null) returns bigint
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _id bigint;
    _hash bytea;
    _at timestamptz;
    _by constant text := coalesce(_actor, session_user);
begin
    -- One writer at a time, until its transaction ends: the next line follows a committed one, and so does its time.
    select h.id + 1, h.hash into strict _id, _hash from jobs.audit_head as h for no key update;
    _at := clock_timestamp();
    _hash := jobs.audit_hash(_hash, _id, _at, _by, session_user, _action, _target, _reason, _detail);
    update jobs.audit_head as h set id = _id, hash = _hash;
    insert into jobs.audit (id, at, actor, login, action, target, reason, detail, hash)
    values (_id, _at, _by, session_user, _action, _target, _reason, _detail, _hash);
    return _id;
end
$$;
