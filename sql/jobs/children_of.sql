-- jobs.children_of: the jobs that follow from the end of one: those its result handlers started, and those of flows that they started.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.children_of(_job_id bigint) returns setof bigint
    language sql stable
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
    select j.id from jobs.cause as c
      join procrastinate_jobs as j on j.id between c.first_job and c.last_job and j.cause_id = c.id
     where c.parent_id = _job_id
     union
    select m.job_id from jobs.flow as f join jobs.flow_member as m on m.flow_id = f.id
     where f.parent_id = _job_id and m.job_id is not null
     union
    select f.callback_job_id from jobs.flow as f where f.parent_id = _job_id and f.callback_job_id is not null
$$;
