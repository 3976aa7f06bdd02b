-- jobs.webhook_messages: what these ends say to which webhooks: a message for each end, and whoever wants it.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.describe_end, jobs.describe_run_end, jobs.fits
-- Raises: nothing
create or replace function jobs.webhook_messages(_ends bigint[]) returns jsonb
    language sql
    set search_path = pg_catalog, jobs, pg_temp
as $$
    -- An end has one id wherever it is sent. A delivery is no news: it would make another one.
    with message as materialized (
        select o.id, 'msg_' || replace(gen_random_uuid()::text, '-', '') as message_id, o.task, o.job_id, o.run_id,
               case when o.run_id is null then 'job.' else 'run.' end || o.event as event,
               to_char(o.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at
          from jobs.outbox as o where o.id = any (_ends) and o.task is distinct from 'webhook.deliver'
    ), wanted as materialized (
        select m.*, w.id as webhook_id
          from message as m
          join jobs.webhook as w
            on w.disabled_at is null and w.events && array['*', split_part(m.event, '.', 1) || '.*', m.event]
           and (w.tasks is null or jobs.fits(m.task, w.tasks) or exists (
                select from jobs.schedule_member as s where s.run_id = m.run_id and jobs.fits(s.task, w.tasks)))
    ), told as materialized (
        select o.id, case when o.run_id is null then jobs.describe_end(o.job_id, o.claim_no, o.event)
                          else jobs.describe_run_end(o.run_id) end as data
          from jobs.outbox as o where o.id in (select t.id from wanted as t)
    )
    select coalesce(jsonb_agg(jsonb_build_object(
               'webhook_id', t.webhook_id, 'message_id', t.message_id, 'event', t.event, 'timestamp', t.at,
               'job_id', t.job_id, 'run_id', t.run_id, 'data', d.data) order by t.id, t.webhook_id), '[]')
      from wanted as t join told as d on d.id = t.id
$$;
