-- jobs.shown_definition: a schedule's definition with its arguments masked, for the audit, which shows none.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.mask
-- Raises: nothing
create or replace function jobs.shown_definition(_definition jsonb) returns jsonb
    language sql immutable parallel safe
    set search_path = pg_catalog, jobs, pg_temp
as $$
    select _definition || coalesce(jsonb_set('{}', '{args}', jobs.mask(_definition -> 'args')), '{}')
$$;
