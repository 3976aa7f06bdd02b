-- jobs.skip_runs: skips what waits to start of a schedule, and says why; answers how many runs that were.
-- Caller: internal
-- Writes: jobs.schedule_run.state, .finished_at, .note
-- Raises: nothing
create or replace function jobs.skip_runs(_schedule_id bigint, _note text) returns bigint
    language sql
    set search_path = pg_catalog, jobs, pg_temp
as $$
    with skipped as (
        update jobs.schedule_run as r set state = 'skipped', finished_at = clock_timestamp(), note = _note
         where r.schedule_id = _schedule_id and r.state = 'pending'
        returning r.id
    )
    select count(*) from skipped as s
$$;
