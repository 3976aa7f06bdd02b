-- operator_api.replay_events: makes dead letters of a consumer events again: these, or all (of a task); audited.
-- Caller: onewriter_dba
-- Writes: nothing
-- Calls: jobs.replay_events
-- Raises: as jobs.replay_events
create or replace function operator_api.replay_events(
    consumer text, reason text, ids bigint[] default null, task text default null) returns bigint
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select jobs.replay_events(consumer, ids, task, session_user, reason, null) $$;
