-- operator_api.put_schedule: makes a schedule or gives it this definition, audited; answers the revision. Arguments, which
-- a DBA does not see, stay where none are given and the target stays.
-- Caller: onewriter_dba
-- Writes: nothing
-- Calls: jobs.put_schedule
-- Raises: OWV01 {"field", "message"}
create or replace function operator_api.put_schedule(name text, definition jsonb, reason text) returns bigint
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    -- With another target they would go to a task for which they were not written.
    _kept constant jsonb := (
        select jsonb_build_object('args', s.effective -> 'args') from jobs.schedule as s
         where s.name = put_schedule.name and s.effective ? 'args'
           and s.effective -> 'target' = put_schedule.definition -> 'target' for no key update);
begin
    return jobs.put_schedule(name, coalesce(_kept, '{}') || definition, null, session_user, reason, null) ->> 'revision';
end
$$;
