-- jobs.check_worker: refuses what a worker cannot be: its name, region, capacity, queues, versions, login.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.fail_with
-- Raises: OWW01 {"field", "message"}
create or replace function jobs.check_worker(
    _name text, _region text, _capacity integer, _queues text[], _versions jsonb, _login text) returns void
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _faults constant jsonb := jsonb_strip_nulls(jsonb_build_object(
        'name', case when coalesce(length(_name), 0) not between 1 and 128
                     then 'host and name together have 1 to 128 characters' end,
        'region', case when length(_region) not between 1 and 128 then 'must have 1 to 128 characters' end,
        'capacity', case when _capacity not between 1 and 100000 then 'must be between 1 and 100,000' end,
        'queues', case when cardinality(_queues) = 0 or cardinality(_queues) > 1000
                            or array_position(_queues, null) is not null
                            or exists (select from unnest(_queues) as q where length(q) not between 1 and 128)
                       then '1 to 1,000 names of 1 to 128 characters, or null for all' end,
        'versions', case when _versions is null or jsonb_typeof(_versions) <> 'object' then 'must be an object'
                         when (select count(*) > 20 or bool_or(jsonb_typeof(v.value) <> 'string' or length(v.value #>> '{}') > 128
                                                               or length(v.key) not between 1 and 128)
                                 from jsonb_each(case jsonb_typeof(_versions) when 'object' then _versions end) as v)
                         then 'at most 20, each a text of at most 128 characters' end,
        'login', case when octet_length(_login) not between 1 and 63 then 'must have 1 to 63 bytes' end));
    _field constant text := (select f from jsonb_object_keys(_faults) as f order by f limit 1);
begin
    if _field is not null then
        perform jobs.fail_with('OWW01', _field || ': ' || (_faults ->> _field),
                               jsonb_build_object('field', _field, 'message', _faults ->> _field));
    end if;
end
$$;
