-- jobs.status_of: a job's status in the API's words.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.status_of(_status procrastinate.procrastinate_job_status, _gate smallint) returns text
    language sql immutable parallel safe
    set search_path = pg_catalog, procrastinate, pg_temp
as $$
    select case _status
        when 'todo' then case _gate when 2 then 'scheduled' when 3 then 'waiting' else 'ready' end
        when 'doing' then 'running'
        when 'aborting' then 'running'
        else _status::text end
$$;
