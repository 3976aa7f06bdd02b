-- server_api.enqueue_many: enqueues independent jobs in one insert: the group commit of the HTTP API.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.add, jobs.explain_missing
-- Raises: class 22 and 23 for content that the tables refuse
create or replace function server_api.enqueue_many(_jobs text) returns text
    language plpgsql security definer
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
as $$
declare
    _added record;
begin
    select a.ids, a.missing into _added from jobs.add(_jobs::jsonb) as a;
    if _added.missing is null then
        return '{"ids":' || array_to_json(_added.ids) || '}';
    end if;
    return jobs.explain_missing(_jobs::jsonb, _added.ids, _added.missing);
end
$$;
