-- operator_api.enable_webhook: a webhook is told of what ends from now on; audited.
-- Caller: onewriter_dba
-- Writes: nothing
-- Calls: jobs.set_webhook_enabled
-- Raises: OWN08 {"webhook"}
create or replace function operator_api.enable_webhook(name text, reason text) returns void
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select from jobs.set_webhook_enabled(name, true, session_user, reason, null) $$;
