-- server_api.deliver_webhooks: makes of the next 200 ends the deliveries to whoever wants them, and judges those that ended, all in one transaction.
-- Caller: onewriter_server
-- Writes: jobs.outbox (deletes what it has taken)
-- Calls: jobs.channels, jobs.end_rotations, jobs.judge_webhooks, jobs.send_webhooks, jobs.webhook_messages
-- Raises: OWT01 {"index", "queue", "task", "takes"}
create or replace function server_api.deliver_webhooks() returns json
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
    set jit = off
as $$
declare
    _ends bigint[];
    _disabled text[];
    _sent json;
    _next double precision;
begin
    -- Before everything else, as whoever changes a webhook does it: nobody waits for another in a circle.
    lock table jobs.webhook in share row exclusive mode;
    -- Ordered by the consumer too: by id alone all ends of a consumer that stands still might be read through.
    _ends := array(select o.id from jobs.outbox as o
                    where (o.consumer, o.id) > ('webhooks', 0) and o.consumer <= 'webhooks'
                      and o.parked_at is null and o.next_at is null
                    order by o.consumer, o.id limit 200 for update skip locked);
    _disabled := jobs.judge_webhooks(_ends);
    _sent := jobs.send_webhooks(jobs.webhook_messages(_ends), 10, '{"kind": "parent", "actor": "webhooks"}');
    delete from jobs.outbox as o where o.id = any (_ends);
    _next := jobs.end_rotations();
    return json_build_object(
        'taken', cardinality(_ends), 'sent', json_array_length(_sent), 'disabled', _disabled, 'next', _next,
        'wake', case when json_array_length(_sent) > 0 then jobs.channels('{webhooks}') else '{}' end);
end
$$;
