-- jobs.create_worker_login: what a new worker host's login may claim; audited. The role itself is made beside it.
-- Caller: internal
-- Writes: jobs.worker_login.login, .queues, .tasks, .granted, .in_flight, .created_by
-- Calls: jobs.fail_with, jobs.record_audit, jobs.resolve_logins
-- Raises: OWK01 {"login"}, OWV01 {"field", "message"}
create or replace function jobs.create_worker_login(
    _login name, _queues text[], _tasks text[], _in_flight integer, _actor text) returns void
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _field text;
begin
    select g.field into _field from (values ('queues', _queues, 128), ('tasks', _tasks, 256)) as g(field, names, longest)
     where cardinality(g.names) not between 1 and 1000
        or exists (select from unnest(g.names) as n where length(n) between 1 and g.longest is not true);
    if found then
        perform jobs.fail_with('OWV01', format('%s: 1 to 1,000 names, or none for all', _field),
            jsonb_build_object('field', _field, 'message', '1 to 1,000 names, none empty or too long'));
    elsif _in_flight < 1 then
        perform jobs.fail_with('OWV01', 'a login holds at least one job',
                               '{"field": "in_flight", "message": "must be at least 1"}');
    end if;
    lock table jobs.worker_login in share row exclusive mode;  -- as its resolution will
    insert into jobs.worker_login (login, queues, tasks, granted, in_flight, created_by)
    values (_login, _queues, _tasks, case when _tasks is null then _queues else '{}' end, _in_flight, _actor)
    on conflict (login) do nothing;
    if not found then
        perform jobs.fail_with('OWK01', 'a login of this name exists or was revoked', jsonb_build_object('login', _login));
    end if;
    perform jobs.resolve_logins();
    perform jobs.record_audit(_actor, 'workers.login.create', _login, null, jsonb_build_object(
        'queues', _queues, 'tasks', _tasks, 'in_flight', _in_flight));
end
$$;
