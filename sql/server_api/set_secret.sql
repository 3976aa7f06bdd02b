-- server_api.set_secret: stores a secret's value and who gets it; audited without the value.
-- Caller: onewriter_server
-- Writes: jobs.secret.name, .value, .tasks, .logins, .updated_at, .updated_by
-- Calls: jobs.fail_with, jobs.record_audit
-- Raises: OWV01 {"field", "message"}
create or replace function server_api.set_secret(
    _name text, _value text, _tasks text[], _logins text[], _actor text) returns boolean
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _is_new constant boolean := not exists (select from jobs.secret as s where s.name = _name);
begin
    if _name is null or _name !~ '^[A-Za-z0-9][A-Za-z0-9._/-]*$' or length(_name) > 128 then
        perform jobs.fail_with('OWV01', 'a secret has 1 to 128 of A-Z, a-z, 0-9 and ._/-',
                               '{"field": "name", "message": "1 to 128 of A-Z, a-z, 0-9 and ._/-"}');
    elsif _value is null or octet_length(_value) not between 1 and 16384 then
        perform jobs.fail_with('OWV01', 'a value has 1 byte to 16 KB',
                               '{"field": "value", "message": "1 byte to 16 KB"}');
    elsif coalesce(cardinality(_tasks), 0) = 0 or array_position(_tasks, null) is not null then
        perform jobs.fail_with('OWV01', 'say for which tasks',
                               '{"field": "tasks", "message": "one or more patterns of tasks"}');
    elsif cardinality(_logins) = 0 or array_position(_logins, null) is not null then
        perform jobs.fail_with('OWV01', 'one or more logins, or null for every worker',
                               '{"field": "logins", "message": "one or more logins, or null"}');
    end if;
    -- The value is always given anew: whoever may only change grants could hand an old one to a task of his own.
    insert into jobs.secret (name, value, tasks, logins, updated_at, updated_by)
    values (_name, _value, _tasks, _logins, clock_timestamp(), coalesce(_actor, session_user))
    on conflict (name) do update
       set value = excluded.value, tasks = excluded.tasks, logins = excluded.logins, updated_at = excluded.updated_at,
           updated_by = excluded.updated_by;
    perform jobs.record_audit(_actor, 'secrets.set', _name, null, jsonb_build_object(
        'tasks', _tasks, 'logins', _logins, 'new', _is_new));
    return _is_new;
end
$$;
