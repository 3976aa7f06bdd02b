-- worker_api.writable: why the calling login must not run a worker: each right by which it could write a table.
-- Caller: onewriter_worker
-- Writes: nothing
-- Calls: jobs.write_rights
-- Raises: nothing
create or replace function worker_api.writable() returns setof text
    language sql stable security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
    select w from jobs.write_rights(session_user) as w
$$;
