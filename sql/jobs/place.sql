-- jobs.place: tells this database from every logical copy of it: its cluster, its oid, and the oid of jobs.environment.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.place() returns text
    language sql stable
    set search_path = pg_catalog, pg_temp
as $$
    -- A dump restored elsewhere has another cluster or database, one restored over itself another table, a clone by
    -- CREATE DATABASE ... TEMPLATE another database. A promoted standby has all three still.
    select format('%s/%s/%s', c.system_identifier, d.oid, 'jobs.environment'::regclass::oid)
      from pg_control_system() as c cross join pg_database as d where d.datname = current_database()
$$;
