-- operator_api.discard_events: deletes dead letters of a consumer for good: these, or all (of a task); audited.
-- Caller: onewriter_dba
-- Writes: nothing
-- Calls: jobs.discard_events
-- Raises: as jobs.discard_events
create or replace function operator_api.discard_events(
    consumer text, reason text, ids bigint[] default null, task text default null) returns bigint
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select jobs.discard_events(consumer, ids, task, session_user, reason, null) $$;
