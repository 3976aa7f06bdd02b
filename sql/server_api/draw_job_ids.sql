-- server_api.draw_job_ids: ids of jobs to come, at most 1,000: a handler knows what its follow-ups will be called.
-- Caller: onewriter_handler
-- Writes: nothing
-- Raises: nothing
create or replace function server_api.draw_job_ids(_n integer) returns bigint[]
    language sql security definer
    set search_path = pg_catalog, procrastinate, pg_temp
as $$ select array(select nextval('procrastinate.procrastinate_jobs_id_seq') from generate_series(1, least(_n, 1000))) $$;
