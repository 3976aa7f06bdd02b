-- jobs.is_gone: whether an id was given out once and no job has it: deleted, pruned, or its enqueue was refused.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.is_gone(_job_id bigint) returns boolean
    language sql
    set search_path = pg_catalog, procrastinate, pg_temp
as $$
    -- No tombstone per job: ids come from a sequence and are never used twice.
    select s.is_called and _job_id between 1 and s.last_value
           and not exists (select from procrastinate_jobs as j where j.id = _job_id)
      from procrastinate_jobs_id_seq as s
$$;
