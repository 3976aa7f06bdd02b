-- inspect.environment: as what and where this database was armed, and whether it is a copy in which nothing runs.
-- Caller: onewriter_dba, onewriter_server
-- Writes: nothing
-- Calls: jobs.place
-- Raises: nothing
create or replace function inspect.environment() returns table (
    environment text, quarantined boolean, armed_in text, armed_at timestamptz, armed_by text)
    language sql stable security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
    select e.id, e.place is distinct from jobs.place(), e.armed_in, e.armed_at, e.armed_by
      from (values (true)) as one left join jobs.environment as e on true
$$;
