-- server_api.relay_jobs: starts what a domain in another database asked for, each row of it once however often it is told.
-- Caller: onewriter_handler
-- Writes: jobs.relayed.id, .at
-- Calls: jobs.start_follow_ups
-- Raises: as jobs.start_follow_ups; class 22 for an id that is no uuid
create or replace function server_api.relay_jobs(_rows text) returns text
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _asked jsonb;
    _ids bigint[] := '{}';
    _skipped bigint[] := '{}';
    _wake text[] := '{}';
begin
    -- Remembered in the order of their ids, so that two that relay the same rows wait for each other in one order;
    -- started in the order in which they were asked for.
    with told as (
        select distinct on (1) (r ->> 'id')::uuid as id, r -> 'items' as items, n
          from jsonb_array_elements(_rows::jsonb) with ordinality as t(r, n) order by 1, n
    ), fresh as (
        insert into jobs.relayed (id, at) select t.id, clock_timestamp() from told as t order by t.id
        on conflict (id) do nothing
        returning id
    )
    select jsonb_agg(jsonb_build_object('follow', t.items, 'cause', jsonb_build_object(
               'kind', 'sql', 'actor', session_user, 'ref', format('domain row %s', t.id))) order by t.n)
      into _asked from told as t join fresh as f on f.id = t.id;
    if _asked is not null then
        select f.ids, f.skipped, f.wake into _ids, _skipped, _wake from jobs.start_follow_ups(_asked) as f;
    end if;
    return json_build_object('jobs', _ids, 'skipped', _skipped,
                             'wake', array(select distinct w from unnest(_wake) as w where w is not null));
end
$$;
