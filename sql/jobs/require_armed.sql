-- jobs.require_armed: refuses a process at a copy that nobody armed, and one that belongs to another environment.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.fail_with, jobs.place
-- Raises: OWE01 {"environment"}, OWE02 {"environment", "presented"}
create or replace function jobs.require_armed(_environment text) returns void
    language plpgsql stable
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    -- Asked where a connection begins, never per claim: no connection outlives a restore or a clone.
    _presented constant text := coalesce(_environment, 'default');
    _e jobs.environment;
begin
    select e.* into _e from jobs.environment as e;
    if _e.place is distinct from jobs.place() then
        perform jobs.fail_with('OWE01', case when _e.id is null then 'quarantined: nobody armed this database: onewriter arm'
            else format('quarantined: a copy of %s (armed in the database %s) that nobody armed here: onewriter arm',
                        _e.id, _e.armed_in) end, jsonb_build_object('environment', _e.id));
    elsif _e.id <> _presented then
        perform jobs.fail_with('OWE02', format(
            'this database is armed as %s, and this process belongs to %s (ONEWRITER_ENVIRONMENT)', _e.id, _presented),
            jsonb_build_object('environment', _e.id, 'presented', _presented));
    end if;
end
$$;
