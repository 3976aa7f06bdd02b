-- server_api.start_jobs: starts jobs and flows in the caller's own transaction; the ids of the jobs made, and of those that a queueing lock kept out.
-- Caller: onewriter_server, onewriter_handler, onewriter_producer
-- Writes: nothing
-- Calls: jobs.checked_items, jobs.notify, jobs.start_follow_ups
-- Raises: OWU01 {"task"}, OWV01 {"field", "message"}, OWT01
create or replace function server_api.start_jobs(_items text, _cause text default null, _notify boolean default true) returns text
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _given constant jsonb := jobs.checked_items(_items::jsonb);
    _why constant jsonb := _cause::jsonb;
    _started record;
begin
    select f.* into _started from jobs.start_follow_ups(jsonb_build_array(jsonb_build_object(
        'follow', _given, 'cause', jsonb_build_object(
            'kind', 'sql', 'actor', session_user, 'request_id', _why ->> 'request_id', 'reason', _why ->> 'reason')))) as f;
    if _notify then
        perform jobs.notify(_started.wake);
    end if;
    return json_build_object('ids', _started.ids, 'skipped', _started.skipped, 'flows', _started.flows,
                             'wake', array(select distinct w from unnest(_started.wake) as w where w is not null));
end
$$;
