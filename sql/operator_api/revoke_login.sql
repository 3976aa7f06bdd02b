-- operator_api.revoke_login: jobs.revoke_worker_login from psql; the scheduler gives the jobs back at once.
-- Caller: onewriter_dba
-- Writes: nothing
-- Calls: jobs.revoke_worker_login
-- Raises: as jobs.revoke_worker_login
create or replace function operator_api.revoke_login(login name, reason text) returns json
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select jobs.revoke_worker_login(revoke_login.login, session_user, revoke_login.reason) $$;
