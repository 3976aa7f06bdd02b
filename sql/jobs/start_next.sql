-- jobs.start_next: starts a flow's next step or callback, with the results before it where it wants them; or answers why not.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.channels, jobs.try_add
-- Raises: nothing of the jobs' own
create or replace function jobs.start_next(
    _flow jobs.flow, _job jsonb, _parent_id bigint, _results jsonb, out id bigint, out wake text[], out error text)
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _args constant jsonb := coalesce(_job -> 'args', '{}') || case when _flow.results is null then '{}'
        else jsonb_build_object(_flow.results, coalesce(_results, 'null')) end;
    _size constant integer := octet_length(_args::text);
    _added record;
begin
    if _size > 65536 then
        error := format('its arguments with the results are %s bytes, at most 65536 are allowed', _size);
        return;
    end if;
    select a.ids, a.errors into _added from jobs.try_add(
        jsonb_build_array(_job || jsonb_build_object('args', _args)),
        jsonb_build_object('kind', 'parent', 'actor', _flow.actor, 'request_id', _flow.request_id,
                           'ref', format('flow %s', _flow.id), 'parent_id', _parent_id)) as a;
    id := _added.ids[1];
    error := _added.errors[1] ->> 'message';
    wake := jobs.channels(array[_job ->> 'queue']);
end
$$;
