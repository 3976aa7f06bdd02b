-- jobs.rotate_webhook: gives a webhook a new secret; for a day the one before it signs too. Audited; the secret is told this once.
-- Caller: internal
-- Writes: jobs.secret.value, .updated_at, .updated_by, jobs.webhook.rotated_at
-- Calls: jobs.fail_with, jobs.locked_webhook, jobs.notify, jobs.record_audit, jobs.webhook_secret
-- Raises: OWN02 {"secret"}, OWN08 {"webhook"}, OWV01 {"field", "message"}
create or replace function jobs.rotate_webhook(
    _name text, _secret text, _actor text, _reason text, _request_id text) returns json
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _w constant jobs.webhook := jobs.locked_webhook(_name);
    _new constant text := jobs.webhook_secret(_secret);
begin
    update jobs.secret as s
       set value = _new || ' ' || split_part(s.value, ' ', 1), updated_at = clock_timestamp(),
           updated_by = coalesce(_actor, session_user)
     where s.name = _w.secret;
    if not found then
        perform jobs.fail_with('OWN02', 'its secret was removed', jsonb_build_object('secret', _w.secret));
    end if;
    update jobs.webhook as w set rotated_at = clock_timestamp() where w.id = _w.id;
    perform jobs.record_audit(_actor, 'webhooks.rotate', _name, _reason, jsonb_build_object('request_id', _request_id));
    -- Whoever ends the old one's day learns when that is.
    perform jobs.notify(array['ow_hook']);
    return json_build_object('secret', _new);
end
$$;
