-- jobs.locked_schedule: a schedule by its name, locked for a change.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.fail_with
-- Raises: OWN05 {"schedule"}
create or replace function jobs.locked_schedule(_name text) returns jobs.schedule
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _schedule jobs.schedule;
begin
    select s.* into _schedule from jobs.schedule as s where s.name = _name for no key update;
    if not found then
        perform jobs.fail_with('OWN05', 'there is no such schedule', jsonb_build_object('schedule', _name));
    end if;
    return _schedule;
end
$$;
