-- jobs.checked_webhook: a webhook's definition with all its fields, looked at.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.fail_with
-- Raises: OWV01 {"field", "message"}
create or replace function jobs.checked_webhook(_name text, _definition jsonb) returns jsonb
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _given constant jsonb := jsonb_strip_nulls(case jsonb_typeof(_definition) when 'object' then _definition else '{}' end);
    _url constant text := _given ->> 'url';
    _known constant text[] := array['url', 'events', 'tasks', 'description'];
    _events constant jsonb := '["job.succeeded", "job.failed", "job.cancelled", "job.aborted", "run.finished", "job.*", "run.*", "*"]';
    _unknown constant text := (select min(k) from jsonb_object_keys(_given) as k where k <> all (_known));
    _wrong text[];
begin
    _wrong := case
        when _name is null or _name !~ '^[A-Za-z0-9][A-Za-z0-9._-]*$' or length(_name) > 100 then
            array['name', '1 to 100 of A-Z, a-z, 0-9 and ._-, a letter or digit first']
        when _unknown is not null then array[_unknown, 'is unknown']
        -- No user in it: an argument of a job is read by many.
        when _url is null or _url !~* '^https?://[^[:space:]/?#@]+([/?#][^[:space:]]*)?$' or length(_url) > 2048 then
            array['url', 'an http or https address of at most 2048 characters, without a user']
        when jsonb_typeof(_given -> 'events') is distinct from 'array' or _given -> 'events' = '[]'
             or not _given -> 'events' <@ _events then
            array['events', 'one or more of ' || array_to_string(array(select jsonb_array_elements_text(_events)), ', ')]
        when _given ? 'tasks' and (jsonb_typeof(_given -> 'tasks') <> 'array' or _given -> 'tasks' = '[]'
             or _given @? '$.tasks[100]' or _given @? '$.tasks[*] ? (@.type() != "string" || @ == "")') then
            array['tasks', '1 to 100 patterns of tasks, or null for all']
        when _given ? 'description' and (jsonb_typeof(_given -> 'description') <> 'string'
             or length(_given ->> 'description') > 1000) then
            array['description', 'at most 1000 characters'] end;
    if _wrong is not null then
        perform jobs.fail_with('OWV01', format('%s: %s', _wrong[1], _wrong[2]),
                               jsonb_build_object('field', _wrong[1], 'message', _wrong[2]));
    end if;
    return jsonb_build_object('url', _url, 'events', _given -> 'events', 'tasks', _given -> 'tasks',
                              'description', _given -> 'description');
end
$$;
