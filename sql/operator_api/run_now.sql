-- operator_api.run_now: runs a scheduled job now or a finished one again; audited, workers are signalled.
-- Caller: onewriter_dba
-- Writes: nothing
-- Calls: jobs.notify, jobs.run_now
-- Raises: as jobs.run_now
create or replace function operator_api.run_now(job_id bigint, reason text) returns bigint
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _answer constant json := jobs.run_now(job_id, session_user, reason, null);
begin
    perform jobs.notify(array(select json_array_elements_text(_answer -> 'wake')));
    return (_answer ->> 'job_id')::bigint;
end
$$;
