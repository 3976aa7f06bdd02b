-- server_api.record_audit: writes one line of the audit for the API role's side.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.fail_with, jobs.record_audit
-- Raises: OWV01 for an action of the audit's own
create or replace function server_api.record_audit(
    _actor text, _action text, _target text, _reason text, _detail text) returns bigint
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
begin
    -- What the audit says of itself (audit.prune is where the chain begins) nobody can say for it.
    if _action like 'audit.%' then
        perform jobs.fail_with('OWV01', 'audit.… is written by the audit alone',
                               '{"field": "action", "message": "is the audit''s own"}');
    end if;
    return jobs.record_audit(_actor, _action, _target, _reason, _detail::jsonb);
end
$$;
