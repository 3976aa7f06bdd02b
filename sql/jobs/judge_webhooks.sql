-- jobs.judge_webhooks: counts how deliveries ended, and disables an endpoint that is gone; answers the names of those.
-- Caller: internal
-- Writes: jobs.webhook.failing_since, .failures
-- Calls: jobs.set_webhook_enabled
-- Raises: nothing
create or replace function jobs.judge_webhooks(_ends bigint[]) returns text[]
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
as $$
declare
    _disabled text[] := '{}';
    _since timestamptz;
    _failures integer;
    _why text;
    _end record;
begin
    for _end in
        select d.webhook_id, w.name, o.event, o.at, d.replay_of is null and d.event <> 'webhook.ping' as counts,
               j.error like 'EndpointGone:%' as gone
          from jobs.outbox as o
          join jobs.webhook_delivery as d on d.job_id = o.job_id
          join jobs.webhook as w on w.id = d.webhook_id
          join procrastinate_jobs as j on j.id = o.job_id
         where o.id = any (_ends) and o.event in ('succeeded', 'failed') and w.disabled_at is null
         order by o.id
    loop
        continue when _end.name = any (_disabled);
        if _end.event = 'succeeded' then
            update jobs.webhook as w set failing_since = null, failures = 0
             where w.id = _end.webhook_id and w.failures > 0;
            continue;
        end if;
        -- A message counts once, however often somebody sends it again.
        update jobs.webhook as w
           set failing_since = coalesce(w.failing_since, _end.at), failures = w.failures + _end.counts::integer
         where w.id = _end.webhook_id
        returning w.failing_since, w.failures into _since, _failures;
        _why := case
            when _end.gone then 'it answered 410 Gone'
            when _failures >= 5 and _since <= _end.at - interval '5 days' then
                format('its last %s messages, since %s, could not be delivered', _failures,
                       to_char(_since at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')) end;
        if _why is not null then
            perform jobs.set_webhook_enabled(_end.name, false, 'webhooks', _why, null);
            _disabled := _disabled || _end.name;
        end if;
    end loop;
    return _disabled;
end
$$;
