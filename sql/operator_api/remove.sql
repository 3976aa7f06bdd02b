-- operator_api.remove: deletes a finished job with its attempts and events, for good; audited.
-- Caller: onewriter_dba
-- Writes: nothing
-- Calls: jobs.notify, jobs.remove
-- Raises: as jobs.remove
create or replace function operator_api.remove(job_id bigint, reason text) returns text
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _answer constant json := jobs.remove(job_id, session_user, reason, null);
begin
    perform jobs.notify(array(select json_array_elements_text(_answer -> 'wake')));
    return _answer ->> 'status';
end
$$;
