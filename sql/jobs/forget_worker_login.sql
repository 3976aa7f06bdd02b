-- jobs.forget_worker_login: makes the name of a revoked worker login free again; the audit keeps what it was.
-- Caller: internal
-- Writes: jobs.worker_login (deletes a revoked one)
-- Calls: jobs.fail_with
-- Raises: OWS01 {"login"}
create or replace function jobs.forget_worker_login(_login name) returns void
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
begin
    delete from jobs.worker_login as l where l.login = _login and l.revoked_at is not null;
    if exists (select from jobs.worker_login as l where l.login = _login) then
        perform jobs.fail_with('OWS01', 'this login is not revoked', jsonb_build_object('login', _login));
    end if;
end
$$;
