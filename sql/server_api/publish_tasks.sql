-- server_api.publish_tasks: replaces the tasks and schedules of one source by those given; other sources' stay.
-- Caller: onewriter_server
-- Writes: jobs.task.name, .source, .queue, .priority, .lock, .queueing_lock, .description, .schema, .retry, .timeout, .max_attempts, .group, .aliases, .events, .published_at, jobs.task (deletes what the source has no more)
-- Calls: jobs.fail_with, jobs.notify, jobs.publish_schedules, jobs.record_audit, jobs.resolve_logins
-- Raises: OWK01 {"task", "source"} or {"schedule", "source"}, OWV01 {"field", "message"}
create or replace function server_api.publish_tasks(_source text, _tasks text, _actor text) returns json
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _given constant jsonb := _tasks::jsonb;
    _schedules jsonb;
    _answer jsonb;
    _name text;
    _owner text;
begin
    if coalesce(btrim(_source), '') = '' then
        perform jobs.fail_with('OWV01', 'a source needs a name', '{"field": "source", "message": "is mandatory"}');
    elsif _given ->> 'catalogue' is distinct from '1' or jsonb_typeof(_given -> 'tasks') is distinct from 'array' then
        perform jobs.fail_with('OWV01', 'this is no catalogue of version 1',
                               '{"field": "catalogue", "message": "must be 1, beside a list of tasks"}');
    end if;
    lock table jobs.task in share row exclusive mode;
    select t.name, t.source into _name, _owner
      from jobs.task as t join jsonb_array_elements(_given -> 'tasks') as g on g ->> 'name' = t.name
     where t.source <> _source limit 1;
    if found then
        perform jobs.fail_with('OWK01', format('task %s belongs to source %s', _name, _owner),
                               jsonb_build_object('task', _name, 'source', _owner));
    end if;
    if _given ? 'schedules' then  -- before the audit, as every verb of schedules: their locks come first
        _schedules := jobs.publish_schedules(_source, _given -> 'schedules', _actor);
    end if;

    with new as materialized (
        select x.name, _source as source, coalesce(x.queue, 'default'::varchar) as queue, coalesce(x.priority, 0) as priority,
               x.lock, x.queueing_lock, x.description, coalesce(x.schema, '{}') as schema,
               nullif(x.retry, 'null') as retry, x.timeout, x.max_attempts, x."group",
               coalesce(x.aliases, '{}') as aliases, coalesce(x.events, '{}') as events
          from jsonb_to_recordset(_given -> 'tasks') as x(
               name varchar, queue varchar, priority integer, lock text, queueing_lock text, description text, schema jsonb,
               retry jsonb, timeout real, max_attempts integer, "group" text, aliases text[], events text[])
    ), old as materialized (
        select t.name, t.source, t.queue, t.priority, t.lock, t.queueing_lock, t.description, t.schema, t.retry,
               t.timeout, t.max_attempts, t."group", t.aliases, t.events from jobs.task as t where t.source = _source
    ), changed as materialized (
        select n.name from new as n join old as o on o.name = n.name where n is distinct from o
    ), removed as (
        delete from jobs.task as t where t.source = _source and t.name not in (select n.name from new as n)
    ), written as (
        insert into jobs.task (name, source, queue, priority, lock, queueing_lock, description, schema, retry,
                               timeout, max_attempts, "group", aliases, events, published_at)
        select n.*, clock_timestamp() from new as n
         where n.name in (select c.name from changed as c) or n.name not in (select o.name from old as o)
        on conflict (name) do update set
            queue = excluded.queue, priority = excluded.priority, lock = excluded.lock,
            queueing_lock = excluded.queueing_lock, description = excluded.description, schema = excluded.schema,
            retry = excluded.retry, timeout = excluded.timeout, max_attempts = excluded.max_attempts,
            "group" = excluded."group", aliases = excluded.aliases, events = excluded.events,
            published_at = excluded.published_at
    )
    select jsonb_build_object(
        'added', (select coalesce(jsonb_agg(n.name order by n.name), '[]') from new as n
                   where n.name not in (select o.name from old as o)),
        'changed', (select coalesce(jsonb_agg(c.name order by c.name), '[]') from changed as c),
        'removed', (select coalesce(jsonb_agg(o.name order by o.name), '[]') from old as o
                     where o.name not in (select n.name from new as n)),
        'unchanged', (select count(*) from old as o join new as n on n.name = o.name
                       where o.name not in (select c.name from changed as c)))
      into _answer;
    if _answer - 'unchanged' <> '{"added": [], "changed": [], "removed": []}' then
        perform jobs.record_audit(_actor, 'tasks.publish', _source, null, _answer);
        perform jobs.notify(array['ow_conf']);
    end if;
    perform jobs.resolve_logins();  -- also where nothing changed: what kept a queue from a login may be gone
    return jsonb_strip_nulls(_answer || jsonb_build_object('schedules', _schedules));
end
$$;
