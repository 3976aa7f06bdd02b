-- jobs.descendants: a job, and whatever follows from it: its children, theirs, and so on.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.children_of
-- Raises: nothing
create or replace function jobs.descendants(_job_id bigint) returns bigint[]
    language sql stable
    set search_path = pg_catalog, jobs, pg_temp
as $$
    with recursive tree(id) as (
        select _job_id
         union
        select c.id from tree as t cross join lateral jobs.children_of(t.id) as c(id)
    )
    select array_agg(t.id order by t.id) from tree as t
$$;
