-- jobs.ping_webhook: sends a webhook the event webhook.ping, once, also while it is disabled. Audited.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.channels, jobs.locked_webhook, jobs.notify, jobs.record_audit, jobs.send_webhooks
-- Raises: OWN08 {"webhook"}, OWT01 {"index", "queue", "task", "takes"}
create or replace function jobs.ping_webhook(_name text, _actor text, _reason text, _request_id text) returns json
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _w constant jobs.webhook := jobs.locked_webhook(_name);
    _message constant jsonb := jsonb_build_object(
        'webhook_id', _w.id, 'event', 'webhook.ping', 'data', jsonb_build_object('webhook', _name),
        'message_id', 'msg_' || replace(gen_random_uuid()::text, '-', ''),
        'timestamp', to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'));
    _sent json;
begin
    _sent := jobs.send_webhooks(jsonb_build_array(_message), 1, jsonb_build_object(
        'kind', 'operator', 'actor', coalesce(_actor, session_user), 'request_id', _request_id, 'reason', _reason));
    perform jobs.record_audit(_actor, 'webhooks.ping', _name, _reason, jsonb_build_object('request_id', _request_id));
    perform jobs.notify(jobs.channels('{webhooks}'));
    return _sent -> 0;
end
$$;
