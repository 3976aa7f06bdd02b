-- operator_api.replay_webhook: sends again what did not arrive since then, at most 1,000; answers how many; audited.
-- Caller: onewriter_dba
-- Writes: nothing
-- Calls: jobs.replay_webhook
-- Raises: OWN08 {"webhook"}, OWS01 {"status"}
create or replace function operator_api.replay_webhook(name text, since timestamptz, reason text) returns bigint
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select (jobs.replay_webhook(name, null, since, session_user, reason, null) ->> 'replayed')::bigint $$;
