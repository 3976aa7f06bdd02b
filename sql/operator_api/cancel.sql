-- operator_api.cancel: cancels a waiting job, asks a running one to abort; audited, workers are signalled.
-- Caller: onewriter_dba
-- Writes: nothing
-- Calls: jobs.cancel, jobs.notify, jobs.record_audit
-- Raises: as jobs.cancel
create or replace function operator_api.cancel(job_id bigint, reason text) returns text
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _answer constant json := jobs.cancel(job_id, session_user, reason);
begin
    perform jobs.record_audit(session_user, 'jobs.cancel', format('job %s', job_id), reason);
    perform jobs.notify(array(select json_array_elements_text(_answer -> 'wake')));
    return _answer ->> 'status';
end
$$;
