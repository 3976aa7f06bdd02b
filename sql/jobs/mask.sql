-- jobs.mask: a JSON value with its keys kept and each value replaced by the name of its type.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.mask(_value jsonb) returns jsonb
    language sql immutable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    -- One level is enough: what lies deeper is "object" or "array", and no value shows.
    select case jsonb_typeof(_value)
        when 'object' then (select coalesce(jsonb_object_agg(k, jsonb_typeof(v)), '{}') from jsonb_each(_value) as t(k, v))
        else to_jsonb(jsonb_typeof(_value)) end
$$;
