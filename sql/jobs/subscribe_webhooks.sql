-- jobs.subscribe_webhooks: lets the ends of jobs be recorded that some webhook wants, and those of deliveries; without any, nothing.
-- Caller: internal
-- Writes: jobs.subscription.task, .event, .consumer, jobs.subscription (deletes those of the consumer webhooks that nobody wants any more)
-- Raises: nothing
create or replace function jobs.subscribe_webhooks() returns void
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _kinds constant text[] := array(
        select k from unnest('{succeeded,failed,cancelled,aborted}'::text[]) as k
         where exists (select from jobs.webhook as w
                        where w.disabled_at is null and w.events && array['*', 'job.*', 'job.' || k]));
    -- How deliveries end decides whether an endpoint is still there.
    _judged constant boolean := exists (select from jobs.webhook);
begin
    delete from jobs.subscription as s
     where s.consumer = 'webhooks'
       and not (s.task = '*' and s.event = any (_kinds) or _judged and s.task = 'webhook.deliver' and s.event = '*');
    insert into jobs.subscription (task, event, consumer)
    select '*', k, 'webhooks' from unnest(_kinds) as k
    union all select 'webhook.deliver', '*', 'webhooks' where _judged
    on conflict do nothing;
end
$$;
