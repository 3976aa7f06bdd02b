-- server_api.publish_event: one job for each task that subscribes to a domain event, in the caller's transaction; none where nobody does.
-- Caller: onewriter_server, onewriter_handler, onewriter_producer
-- Writes: nothing
-- Calls: jobs.channels, jobs.checked_job, jobs.notify, jobs.require_fit, jobs.try_add
-- Raises: OWV01 {"field", "message"}
create or replace function server_api.publish_event(_event text, _payload jsonb, _notify boolean default true) returns bigint[]
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _jobs constant jsonb := (
        select coalesce(jsonb_agg(jobs.checked_job(jsonb_build_object('task', t.name, 'args', _payload)) order by t.name), '[]')
          from jobs.task as t where t.events @> array[_event]);
    _added record;
begin
    if _jobs = '[]' then
        return '{}';
    end if;
    perform jobs.require_fit(j) from jsonb_array_elements(_jobs) as j;
    select a.ids into _added from jobs.try_add(_jobs, jsonb_build_object(
        'kind', 'sql', 'actor', session_user, 'ref', left(format('event %s', _event), 1000))) as a;
    if _notify then
        perform jobs.notify(jobs.channels(array(select j ->> 'queue' from jsonb_array_elements(_jobs) as j)));
    end if;
    return array_remove(_added.ids, null);
end
$$;
