-- server_api.start_runs: starts pending runs, those that may start now; the others are left out.
-- Caller: onewriter_server
-- Writes: jobs.schedule_run.state, .started_at
-- Calls: jobs.add_members, jobs.describe_runs
-- Raises: class 22 and 23 for a call that has another shape
create or replace function server_api.start_runs(_starts text) returns json
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
    set enable_seqscan = off set jit = off
as $$
declare
    _given constant jsonb := _starts::jsonb;
    _ids constant bigint[] := array(select (i ->> 'run_id')::bigint from jsonb_array_elements(_given) as i);
    _live bigint[];
    _wake text[];
begin
    perform from jobs.schedule as s
      where s.id in (select r.schedule_id from jobs.schedule_run as r where r.id = any (_ids)) order by s.id for no key update;
    with started as (
        update jobs.schedule_run as r set state = 'running', started_at = clock_timestamp()
         where r.state = 'pending' and r.id in (select p.id from jobs.startable_run as p where p.id = any (_ids))
        returning r.id
    )
    select coalesce(array_agg(s.id), '{}') into _live from started as s;
    _wake := jobs.add_members((select coalesce(jsonb_agg(i), '[]') from jsonb_array_elements(_given) as i
                                where (i ->> 'run_id')::bigint = any (_live)));
    return json_build_object(
        'runs', jobs.describe_runs(_live),
        'stale', array(select i from unnest(_ids) as i where i <> all (_live)),
        'wake', _wake);
end
$$;
