-- operator_api.retry: gives a failed, cancelled or aborted job one more run; audited, workers are signalled.
-- Caller: onewriter_dba
-- Writes: nothing
-- Calls: jobs.retry, jobs.notify, jobs.record_audit
-- Raises: as jobs.retry
create or replace function operator_api.retry(job_id bigint, reason text) returns text
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _answer constant json := jobs.retry(job_id, session_user, reason);
begin
    perform jobs.record_audit(session_user, 'jobs.retry', format('job %s', job_id), reason);
    perform jobs.notify(array(select json_array_elements_text(_answer -> 'wake')));
    return _answer ->> 'status';
end
$$;
