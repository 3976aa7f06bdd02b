-- jobs.leader: the backend that leads the named loop, or null.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.leader(_loop text) returns integer
    language sql
    set search_path = pg_catalog, pg_temp
as $$
    select l.pid from pg_locks as l
     where l.locktype = 'advisory' and l.granted and l.objsubid = 2
       and l.database = (select oid from pg_database where datname = current_database())
       and l.classid = hashtext('onewriter')::oid and l.objid = hashtext(_loop)::oid
$$;
