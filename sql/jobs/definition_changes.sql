-- jobs.definition_changes: the top-level keys in which two definitions differ, as the second has them, null where it hasn't.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.definition_changes(_from jsonb, _to jsonb) returns jsonb
    language sql immutable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select coalesce(jsonb_object_agg(k, coalesce(_to -> k, 'null')), '{}') from jsonb_object_keys(_from || _to) as k
     where _from -> k is distinct from _to -> k
$$;
