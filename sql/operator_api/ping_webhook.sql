-- operator_api.ping_webhook: sends a webhook the event webhook.ping; answers the delivery's id; audited.
-- Caller: onewriter_dba
-- Writes: nothing
-- Calls: jobs.ping_webhook
-- Raises: OWN08 {"webhook"}
create or replace function operator_api.ping_webhook(name text, reason text) returns bigint
    language sql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select (jobs.ping_webhook(name, session_user, reason, null) ->> 'delivery_id')::bigint $$;
