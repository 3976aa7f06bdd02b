-- jobs.send_webhooks: makes a delivery of each of these messages: its job, and its line in the list; answers them in order.
-- Caller: internal
-- Writes: jobs.webhook_delivery.webhook_id, .message_id, .event, .subject_job_id, .subject_run_id, .job_id, .replay_of
-- Calls: jobs.add
-- Raises: OWT01 {"index", "queue", "task", "takes"}
create or replace function jobs.send_webhooks(_messages jsonb, _max_attempts integer, _cause jsonb) returns json
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _ids bigint[];
    _made json;
begin
    -- The secret is named, never held; the worker asks for it when it runs the job.
    select a.ids into _ids
      from jobs.add((
           select coalesce(jsonb_agg(jsonb_build_object(
                      'task', 'webhook.deliver', 'queue', 'webhooks', 'max_attempts', _max_attempts,
                      'args', jsonb_build_object(
                          'url', w.url, 'message_id', m ->> 'message_id', 'event', m ->> 'event',
                          'timestamp', m ->> 'timestamp', 'data', m -> 'data', 'secret', 'secret://' || w.secret))
                      order by n), '[]')
             from jsonb_array_elements(_messages) with ordinality as x(m, n)
             join jobs.webhook as w on w.id = (m ->> 'webhook_id')::bigint), _cause) as a;
    with made as (
        insert into jobs.webhook_delivery
              (webhook_id, message_id, event, subject_job_id, subject_run_id, job_id, replay_of)
        select (m ->> 'webhook_id')::bigint, m ->> 'message_id', m ->> 'event', (m ->> 'job_id')::bigint,
               (m ->> 'run_id')::bigint, _ids[n], (m ->> 'replay_of')::bigint
          from jsonb_array_elements(_messages) with ordinality as x(m, n) order by n
        returning id, job_id, message_id
    )
    select coalesce(json_agg(json_build_object('delivery_id', d.id, 'job_id', d.job_id, 'message_id', d.message_id)
                             order by d.id), '[]')
      into _made from made as d;
    return _made;
end
$$;
