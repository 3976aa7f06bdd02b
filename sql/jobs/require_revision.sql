-- jobs.require_revision: refuses a change of what is no longer as its author saw it; null: whatever is there.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.fail_with
-- Raises: OWS02 {"revision"}
create or replace function jobs.require_revision(_revision bigint, _expected bigint) returns void
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
begin
    if _expected is not null and _expected is distinct from _revision then
        perform jobs.fail_with('OWS02', 'somebody else changed it meanwhile', jsonb_build_object('revision', _revision));
    end if;
end
$$;
