-- jobs.try_audit: jobs.record_audit for what must not wait: nothing is written while another transaction holds the chain.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.record_audit
-- Raises: nothing
create or replace function jobs.try_audit(_actor text, _action text, _target text, _reason text, _detail jsonb) returns boolean
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
begin
    -- Rescue and claims go on while a person's transaction is open; what they do is told elsewhere as well.
    perform from jobs.audit_head as h for no key update skip locked;
    if found then
        perform jobs.record_audit(_actor, _action, _target, _reason, _detail);
    end if;
    return found;
end
$$;
