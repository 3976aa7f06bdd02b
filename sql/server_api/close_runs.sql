-- server_api.close_runs: finishes runs whose members have all ended, at most 1,000 a call; cancels what a newer run supersedes.
-- Caller: onewriter_server
-- Writes: nothing
-- Calls: jobs.end_runs, jobs.notify, jobs.supersede_runs
-- Raises: nothing
create or replace function server_api.close_runs() returns json
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
    set enable_seqscan = off set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
    _ids bigint[];
    _closed json;
begin
    -- Locked before they are counted: a retry of a member's job reopens its run under the same lock.
    _ids := array(
        select r.id from jobs.schedule_run as r
         where r.state = 'running' and not exists (
               select from jobs.schedule_member as m
                where m.run_id = r.id and m.job_id is not null and m.status is null)
         order by r.id limit 1000 for no key update skip locked);
    _closed := jobs.end_runs(_ids);
    perform jobs.notify(jobs.supersede_runs()
                        || case json_array_length(_closed) when 0 then '{}' else array['ow_job'] end);
    return json_build_object('closed', _closed);
end
$$;
