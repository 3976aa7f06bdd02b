-- operator_api.cancel: cancels a waiting job, asks a running one to abort, and what waits behind it; audited, workers are signalled.
-- Caller: onewriter_dba
-- Writes: nothing
-- Calls: jobs.cancel_tree, jobs.notify, jobs.record_audit
-- Raises: as jobs.cancel_tree
create or replace function operator_api.cancel(job_id bigint, reason text, children boolean default false) returns text
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _answer constant json := jobs.cancel_tree(job_id, session_user, reason, children);
begin
    perform jobs.record_audit(session_user, 'jobs.cancel', format('job %s', job_id), reason, to_jsonb(_answer -> 'children'));
    perform jobs.notify(array(select json_array_elements_text(_answer -> 'wake')));
    return _answer ->> 'status';
end
$$;
