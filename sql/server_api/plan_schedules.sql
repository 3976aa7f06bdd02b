-- server_api.plan_schedules: jobs.plan for the scheduler: when schedules fire next, or why that cannot be computed.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.plan
-- Raises: class 22 for content that the tables refuse
create or replace function server_api.plan_schedules(_plans text) returns json
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select json_build_object('stale', jobs.plan(_plans::jsonb)) $$;
