-- jobs.replay_webhook: sends messages again under their ids: the delivery of this id, or all since then that did not arrive, 1,000 a call. Audited.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.channels, jobs.fail_with, jobs.locked_webhook, jobs.notify, jobs.record_audit, jobs.send_webhooks
-- Raises: OWN02 {"delivery"}, OWN08 {"webhook"}, OWS01 {"status"}, OWT01 {"index", "queue", "task", "takes"}
create or replace function jobs.replay_webhook(
    _name text, _delivery bigint, _since timestamptz, _actor text, _reason text, _request_id text) returns json
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
as $$
declare
    _w constant jobs.webhook := jobs.locked_webhook(_name);
    _ended constant procrastinate_job_status[] := case when _delivery is null then '{failed,cancelled,aborted}'
                                                       else '{succeeded,failed,cancelled,aborted}' end;
    _messages jsonb;
    _sent json := '[]';
begin
    if _w.disabled_at is not null then
        perform jobs.fail_with('OWS01', 'it is disabled: enable it first', '{"status": "disabled"}');
    end if;
    -- Of a message that was sent again the last delivery counts.
    select jsonb_agg(jsonb_build_object(
               'webhook_id', _w.id, 'message_id', d.message_id, 'event', d.event, 'job_id', d.subject_job_id,
               'run_id', d.subject_run_id, 'replay_of', d.id, 'timestamp', d.timestamp, 'data', d.data) order by d.id)
      into _messages
      from (select v.*, j.args -> 'timestamp' as timestamp, j.args -> 'data' as data
              from jobs.webhook_delivery as v join procrastinate_jobs as j on j.id = v.job_id
             where v.webhook_id = _w.id and j.status = any (_ended)
               and (v.id = _delivery or _delivery is null and v.event <> 'webhook.ping'
                    and v.created_at >= coalesce(_since, '-infinity') and not exists (
                        select from jobs.webhook_delivery as later
                         where later.message_id = v.message_id and later.webhook_id = v.webhook_id and later.id > v.id))
             order by v.id limit 1000) as d;
    if _messages is not null then
        _sent := jobs.send_webhooks(_messages, 10, jsonb_build_object(
            'kind', 'operator', 'actor', coalesce(_actor, session_user), 'request_id', _request_id, 'reason', _reason));
        perform jobs.record_audit(_actor, 'webhooks.replay', _name, _reason, jsonb_build_object(
            'delivery', _delivery, 'since', _since, 'replayed', json_array_length(_sent), 'request_id', _request_id));
        perform jobs.notify(jobs.channels('{webhooks}'));
    elsif exists (select from jobs.webhook_delivery as v where v.id = _delivery and v.webhook_id = _w.id) then
        perform jobs.fail_with('OWS01', 'it is on its way', '{"status": "pending"}');
    elsif _delivery is not null then
        perform jobs.fail_with('OWN02', 'it has no such delivery', jsonb_build_object('delivery', _delivery));
    end if;
    return json_build_object('replayed', json_array_length(_sent), 'deliveries', _sent);
end
$$;
