-- jobs.set_webhook_enabled: enables a webhook, or disables it, which cancels what waits to be sent to it. Audited.
-- Caller: internal
-- Writes: jobs.webhook.disabled_at, .disabled_by, .disabled_reason, .failing_since, .failures, .revision, .updated_at, .updated_by
-- Calls: jobs.cancel_deliveries, jobs.locked_webhook, jobs.notify, jobs.record_audit, jobs.subscribe_webhooks
-- Raises: OWN08 {"webhook"}
create or replace function jobs.set_webhook_enabled(
    _name text, _enabled boolean, _actor text, _reason text, _request_id text) returns json
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _w constant jobs.webhook := jobs.locked_webhook(_name);
    _by constant text := coalesce(_actor, session_user);
    _revision bigint;
begin
    if (_w.disabled_at is null) = _enabled then
        return json_build_object('revision', _w.revision);
    end if;
    update jobs.webhook as w
       set disabled_at = case when not _enabled then clock_timestamp() end,
           disabled_by = case when not _enabled then _by end, disabled_reason = case when not _enabled then _reason end,
           failing_since = null, failures = 0,
           revision = w.revision + 1, updated_at = clock_timestamp(), updated_by = _by
     where w.id = _w.id
    returning w.revision into _revision;
    perform jobs.subscribe_webhooks();
    if not _enabled then
        perform jobs.notify(jobs.cancel_deliveries(_w.id, _by, 'the webhook was disabled'));
    end if;
    perform jobs.record_audit(
        _actor, case when _enabled then 'webhooks.enable' else 'webhooks.disable' end, _name, _reason,
        jsonb_build_object('revision', _revision, 'request_id', _request_id));
    return json_build_object('revision', _revision);
end
$$;
