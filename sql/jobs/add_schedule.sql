-- jobs.add_schedule: makes a schedule; null where one has the name already.
-- Caller: internal
-- Writes: jobs.schedule.name, .origin, .source, .definition, .created_by, .updated_by
-- Raises: nothing
create or replace function jobs.add_schedule(_name text, _source text, _definition jsonb, _actor text) returns jobs.schedule
    language sql
    set search_path = pg_catalog, jobs, pg_temp
as $$
    insert into jobs.schedule as s (name, origin, source, definition, created_by, updated_by)
    values (_name, case when _source is null then 'api' else 'code' end, _source, _definition,
            coalesce(_actor, session_user), coalesce(_actor, session_user))
    on conflict (name) do nothing
    returning s.*
$$;
