-- jobs.grant_queues: whether the caller's login is restricted; refuses queues that it may not claim from.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.fail_with
-- Raises: OWR01 {"queues", "granted"}
create or replace function jobs.grant_queues(_queues text[]) returns boolean
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _login jobs.worker_login;
    _outside text[];
begin
    -- Shared until the session is there, so that a revocation either sees the session or is seen here.
    select l.* into _login from jobs.worker_login as l where l.login = session_user for share;
    if not found then
        return false;
    elsif _login.revoked_at is not null then
        perform jobs.fail_with('OWR01', format('the login %s was revoked', session_user));
    end if;
    _outside := array(select q from unnest(_queues) as q where q <> all (_login.granted) order by 1);
    if _outside <> '{}' then
        perform jobs.fail_with('OWR01', format('the login %s may not claim from %s', session_user, (
            select string_agg(concat(o, ' (' || (_login.refused ->> o) || ')'), ', ') from unnest(_outside) as o)),
            jsonb_build_object('queues', _outside, 'granted', _login.granted));
    end if;
    return true;
end
$$;
