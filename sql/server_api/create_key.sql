-- server_api.create_key: stores an API key by its hash; audited.
-- Caller: onewriter_server
-- Writes: jobs.api_key.name, .prefix, .hash, .scopes, .queues, .tasks, .expires_at, .rate, .burst
-- Calls: jobs.fail_with, jobs.notify, jobs.record_audit
-- Raises: OWK01 {"key"}, OWV01 {"field", "message"}
create or replace function server_api.create_key(
    _name text, _hash text, _prefix text, _scopes text[], _queues text[], _tasks text[], _expires_at timestamptz,
    _actor text, _rate double precision default null, _burst integer default null) returns bigint
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _id bigint;
    _known constant text[] := array['jobs:read', 'jobs:write', 'jobs:operate', 'schedules:write', 'workers:write',
                                         'metrics:read', 'admin'];
begin
    if coalesce(_name, '') = '' or length(_name) > 128 then
        perform jobs.fail_with('OWV01', 'a key needs a name of at most 128 characters',
                               '{"field": "name", "message": "1 to 128 characters"}');
    elsif coalesce(cardinality(_scopes), 0) = 0 or not _scopes <@ _known then
        perform jobs.fail_with('OWV01', 'unknown scope', jsonb_build_object(
            'field', 'scopes', 'message', 'one or more of ' || array_to_string(_known, ', ')));
    elsif _rate <= 0 or _rate = 'NaN' or _burst <= 0 then
        perform jobs.fail_with('OWV01', 'a rate and a burst are more than nothing',
                               '{"field": "rate", "message": "must be greater than 0"}');
    end if;
    insert into jobs.api_key (name, prefix, hash, scopes, queues, tasks, expires_at, rate, burst)
    values (_name, _prefix, _hash, _scopes, _queues, _tasks, _expires_at, _rate, _burst)
    on conflict (name) do nothing
    returning id into _id;
    if _id is null then
        perform jobs.fail_with('OWK01', 'a key of this name exists', jsonb_build_object('key', _name));
    end if;
    perform jobs.record_audit(_actor, 'keys.create', _name, null, jsonb_build_object(
        'prefix', _prefix, 'scopes', _scopes, 'queues', _queues, 'tasks', _tasks, 'expires_at', _expires_at,
        'rate', _rate, 'burst', _burst));
    perform jobs.notify(array['ow_conf']);
    return _id;
end
$$;
