-- jobs.is_worker: true for a login that may act as a worker and as nobody who needs no guarding.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.is_worker(_login name) returns boolean
    language sql stable
    set search_path = pg_catalog, pg_temp
as $$
    -- A superuser is a member of everything, and since 16 whoever made the roles is one of each, to administer it only.
    select coalesce(bool_or(
               not r.rolsuper and not pg_has_role(r.oid, 'onewriter_api', 'MEMBER')
               and pg_has_role(r.oid, 'onewriter_worker',
                               case when current_setting('server_version_num')::integer >= 160000 then 'USAGE, SET'
                                    else 'MEMBER' end)), false)
      from pg_roles as r where r.rolname = _login
$$;
