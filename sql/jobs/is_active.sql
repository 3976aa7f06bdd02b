-- jobs.is_active: whether a schedule fires: enabled, not paused, and still published.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.is_active(_schedule jobs.schedule) returns boolean
    language sql immutable parallel safe
    set search_path = pg_catalog, jobs, pg_temp
as $$
    select _schedule.paused_at is null and _schedule.vanished_at is null
       and (_schedule.effective -> 'enabled') is distinct from 'false'::jsonb
$$;
