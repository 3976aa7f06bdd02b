-- server_api.record_audit: writes one line of the audit for the API role's side.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.record_audit
-- Raises: nothing
create or replace function server_api.record_audit(
    _actor text, _action text, _target text, _reason text, _detail text) returns bigint
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select jobs.record_audit(_actor, _action, _target, _reason, _detail::jsonb) $$;
