-- jobs.checked_items: follow-ups as plain SQL may ask for them, each job of them checked.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.checked_job
-- Raises: as jobs.checked_job
create or replace function jobs.checked_items(_items jsonb) returns jsonb
    language sql
    set search_path = pg_catalog, jobs, pg_temp
as $$
    select coalesce(jsonb_agg(
               case when i ? 'job' then jsonb_build_object('job', jobs.checked_job(i -> 'job'))
                    else jsonb_build_object('flow', (i -> 'flow') || jsonb_build_object(
                         'jobs', (select coalesce(jsonb_agg(jobs.checked_job(j) order by n), '[]')
                                    from jsonb_array_elements(i -> 'flow' -> 'jobs') with ordinality as s(j, n)),
                         'callback', (select jobs.checked_job(c) from (select nullif(i -> 'flow' -> 'callback', 'null') as c) as o
                                       where c is not null))) end order by t.n), '[]')
      from jsonb_array_elements(_items) with ordinality as t(i, n)
$$;
