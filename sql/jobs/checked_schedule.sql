-- jobs.checked_schedule: a definition without its nulls; refuses it, and a name, where no schedule can be like that.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.fail_with
-- Raises: OWV01 {"field", "message"}
create or replace function jobs.checked_schedule(_name text, _definition jsonb) returns jsonb
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _d constant jsonb := (
        select coalesce(jsonb_object_agg(e.key, e.value), '{}')
          from jsonb_each(case jsonb_typeof(_definition) when 'object' then _definition end) as e
         where e.value <> 'null');
    _fault record;
begin
    -- The shape alone. What only a reader of cron and time zones can judge, the scheduler says in plan_error.
    select f.field, f.message into _fault from (
        select 'name' as field, 'must have 1 to 128 of A-Z, a-z, 0-9, dot, dash, colon, underscore' as message
         where _name is null or length(_name) > 128 or _name !~ '^[A-Za-z0-9][A-Za-z0-9._:-]*$'
        union all
        select 'definition', 'must be a JSON object' where jsonb_typeof(_definition) is distinct from 'object'
        union all
        select 'definition', 'over 128 KiB' where octet_length(_definition::text) > 131072
        union all
        select 'definition', 'over 33 levels deep' where jsonb_path_exists(_definition, '$.**{34}')
        union all
        select 'cron', 'exactly one of cron, every and at'
         where (_d ? 'cron')::integer + (_d ? 'every')::integer + (_d ? 'at')::integer <> 1
        union all
        select 'target', 'exactly one of task, tasks, group and all'
         where jsonb_array_length(jsonb_path_query_array(_d, '$.target.keyvalue()', silent => true)) <> 1
        union all
        select k.field, k.message
          from (values
                ('cron', '$.cron ? (@ like_regex "^.{1,200}$")', 'must be a text of 1 to 200 characters'),
                ('every', '$.every ? (@ >= 1 && @ <= 2678400)', 'must be 1 to 2,678,400 seconds'),
                ('at', 'strict $.at ? (@.type() == "array" && @.size() >= 1 && @.size() <= 1000'
                       ' && !exists(@[*] ? (@.type() <> "string")))', 'must be a list of 1 to 1,000 times'),
                ('target', 'strict $.target ? (@.task.type() == "string" || @.group.type() == "string" || @.all == true'
                           ' || (@.tasks.size() >= 1 && !exists(@.tasks[*] ? (@.type() <> "string"))))',
                 'must name a task, tasks or a group, or all: true'),
                ('args', '$.args ? (@.type() == "object")', 'must be a JSON object'),
                ('enabled', '$.enabled ? (@.type() == "boolean")', 'must be true or false')) as k(field, path, message)
         where _d ? k.field and not jsonb_path_exists(_d, k.path::jsonpath)) as f limit 1;
    if found then
        perform jobs.fail_with('OWV01', format('schedule %s: %s: %s', _name, _fault.field, _fault.message),
                               to_jsonb(_fault));
    end if;
    return _d;
end
$$;
