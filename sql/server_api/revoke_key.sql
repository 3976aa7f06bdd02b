-- server_api.revoke_key: ends an API key at once; audited.
-- Caller: onewriter_server
-- Writes: jobs.api_key.revoked_at, .revoked_by
-- Calls: jobs.fail_with, jobs.notify, jobs.record_audit
-- Raises: OWN02 {"key"}
create or replace function server_api.revoke_key(_name text, _actor text) returns void
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
begin
    update jobs.api_key as k set revoked_at = clock_timestamp(), revoked_by = _actor
     where k.name = _name and k.revoked_at is null;
    if not found then
        perform jobs.fail_with('OWN02', 'no live key of this name', jsonb_build_object('key', _name));
    end if;
    perform jobs.record_audit(_actor, 'keys.revoke', _name, null);
    perform jobs.notify(array['ow_conf']);
end
$$;
