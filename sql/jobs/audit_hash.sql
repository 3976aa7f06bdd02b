-- jobs.audit_hash: the hash of a line of the audit: SHA-256 over the hash before it and what the line says, as a JSON array.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.audit_hash(
    _before bytea, _id bigint, _at timestamptz, _actor text, _login text, _action text, _target text, _reason text,
    _detail jsonb) returns bytea
    language sql stable
    set search_path = pg_catalog, pg_temp
as $$
    -- Documented in docs/operations.md, recomputed by app/queries/audit_chain.py: it may never change.
    select sha256(convert_to(jsonb_build_array(
        encode(_before, 'hex'), _id, to_char(_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        _actor, _login, _action, _target, _reason, _detail::text)::text, 'UTF8'))
$$;
