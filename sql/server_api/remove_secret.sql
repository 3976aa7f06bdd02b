-- server_api.remove_secret: deletes a secret; jobs that name it fail from now on. Audited.
-- Caller: onewriter_server
-- Writes: jobs.secret (deletes the named one)
-- Calls: jobs.fail_with, jobs.record_audit
-- Raises: OWN02 {"secret"}
create or replace function server_api.remove_secret(_name text, _actor text) returns void
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
begin
    delete from jobs.secret as s where s.name = _name;
    if not found then
        perform jobs.fail_with('OWN02', 'no such secret', jsonb_build_object('secret', _name));
    end if;
    perform jobs.record_audit(_actor, 'secrets.rm', _name, null);
end
$$;
