-- jobs.put_webhook: makes a webhook with a secret, or gives it this definition. Audited; a new one's secret is told this once.
-- Caller: internal
-- Writes: jobs.webhook.name, .url, .events, .tasks, .secret, .description, .revision, .created_by, .updated_at, .updated_by, jobs.secret.name, .value, .tasks, .updated_at, .updated_by
-- Calls: jobs.checked_webhook, jobs.fail_with, jobs.record_audit, jobs.require_revision, jobs.subscribe_webhooks, jobs.webhook_secret
-- Raises: OWK05 {"webhook"}, OWS02 {"revision"}, OWV01 {"field", "message"}
create or replace function jobs.put_webhook(
    _name text, _definition jsonb, _secret text, _expected bigint, _actor text, _reason text, _request_id text) returns json
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _given constant jsonb := jobs.checked_webhook(_name, _definition);
    _events constant text[] := array(select jsonb_array_elements_text(_given -> 'events'));
    _tasks constant text[] := case when jsonb_typeof(_given -> 'tasks') = 'array'
                                   then array(select jsonb_array_elements_text(_given -> 'tasks')) end;
    _by constant text := coalesce(_actor, session_user);
    _new_secret text;
    _revision bigint;
    _w jobs.webhook;
begin
    lock table jobs.webhook in share row exclusive mode;
    select w.* into _w from jobs.webhook as w where w.name = _name;
    if _w.id is null then
        perform jobs.require_revision(null, nullif(_expected, 0));
        _new_secret := jobs.webhook_secret(_secret);
        insert into jobs.secret (name, value, tasks, updated_at, updated_by)
        values ('webhook/' || _name, _new_secret, '{webhook.deliver}', clock_timestamp(), _by)
        on conflict (name) do nothing;
        if not found then
            perform jobs.fail_with('OWV01', 'a secret has the name that this one''s would have', jsonb_build_object(
                'field', 'name', 'message', format('there is a secret webhook/%s already', _name)));
        end if;
        insert into jobs.webhook (name, url, events, tasks, secret, description, created_by, updated_by)
        values (_name, _given ->> 'url', _events, _tasks, 'webhook/' || _name, _given ->> 'description', _by, _by)
        returning revision into _revision;
    elsif _expected = 0 then
        perform jobs.fail_with('OWK05', 'a webhook of this name exists', jsonb_build_object('webhook', _name));
    elsif _secret is not null then
        perform jobs.fail_with('OWV01', 'it has a secret; rotate it',
                               '{"field": "secret", "message": "it has one; rotate it"}');
    else
        perform jobs.require_revision(_w.revision, _expected);
        if (_w.url, _w.events, _w.tasks, _w.description) is not distinct from
           (_given ->> 'url', _events, _tasks, _given ->> 'description') then
            return json_build_object('created', false, 'revision', _w.revision, 'secret', null);
        end if;
        update jobs.webhook as w
           set url = _given ->> 'url', events = _events, tasks = _tasks, description = _given ->> 'description',
               revision = w.revision + 1, updated_at = clock_timestamp(), updated_by = _by
         where w.id = _w.id
        returning w.revision into _revision;
    end if;
    perform jobs.subscribe_webhooks();
    perform jobs.record_audit(_actor, 'webhooks.put', _name, _reason,
                              _given || jsonb_build_object('revision', _revision, 'request_id', _request_id));
    return json_build_object('created', _w.id is null, 'revision', _revision, 'secret', _new_secret);
end
$$;
