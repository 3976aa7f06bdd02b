-- jobs.remove_webhook: deletes a webhook with its secret and the list of its deliveries; what waits is cancelled. Audited.
-- Caller: internal
-- Writes: jobs.webhook (deletes the named one, and with it its deliveries), jobs.secret (deletes the one that signed for it)
-- Calls: jobs.cancel_deliveries, jobs.locked_webhook, jobs.notify, jobs.record_audit, jobs.require_revision, jobs.subscribe_webhooks
-- Raises: OWN08 {"webhook"}, OWS02 {"revision"}
create or replace function jobs.remove_webhook(
    _name text, _expected bigint, _actor text, _reason text, _request_id text) returns json
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _w constant jobs.webhook := jobs.locked_webhook(_name);
begin
    perform jobs.require_revision(_w.revision, _expected);
    perform jobs.notify(jobs.cancel_deliveries(_w.id, _actor, 'the webhook was removed'));
    delete from jobs.webhook as w where w.id = _w.id;
    delete from jobs.secret as s where s.name = _w.secret;
    perform jobs.subscribe_webhooks();
    perform jobs.record_audit(_actor, 'webhooks.remove', _name, _reason, jsonb_build_object(
        'revision', _w.revision, 'url', _w.url, 'events', _w.events, 'tasks', _w.tasks, 'request_id', _request_id));
    return json_build_object('revision', _w.revision);
end
$$;
