-- jobs.add_members: gives runs that start their jobs and keeps why a member got none; a run without any ends at once. Answers the channels to signal.
-- Caller: internal
-- Writes: jobs.schedule_member.run_id, .n, .task, .job_id, .error
-- Calls: jobs.channels, jobs.end_runs, jobs.try_add
-- Raises: class 22 and 23 for a list of members that is none
create or replace function jobs.add_members(_runs jsonb) returns text[]
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _jobs jsonb;
    _added record;
begin
    -- All jobs of all runs at once, in the order that the members are numbered in below.
    select coalesce(jsonb_agg(m.member -> 'job' || jsonb_build_object('run_id', r.run_id) order by r.run_id, m.n), '[]') into _jobs
      from jsonb_to_recordset(_runs) as r(run_id bigint, members jsonb)
     cross join lateral jsonb_array_elements(r.members) with ordinality as m(member, n)
     where jsonb_typeof(m.member -> 'job') = 'object';
    _added := jobs.try_add(_jobs);
    insert into jobs.schedule_member (run_id, n, task, job_id, error)
    select m.run_id, m.n, m.member ->> 'task', _added.ids[m.nth],
           case when m.nth is not null then _added.errors[m.nth] else m.member -> 'error' end
      from (select r.run_id, a.member, a.n,
                   case when jsonb_typeof(a.member -> 'job') = 'object'
                        then count(*) filter (where jsonb_typeof(a.member -> 'job') = 'object')
                             over (order by r.run_id, a.n) end as nth
              from jsonb_to_recordset(_runs) as r(run_id bigint, members jsonb)
             cross join lateral jsonb_array_elements(r.members) with ordinality as a(member, n)) as m;
    perform jobs.end_runs(array(select (r ->> 'run_id')::bigint from jsonb_array_elements(_runs) as r));
    if _runs = '[]' then
        return '{}';
    end if;
    return array['ow_job'] || jobs.channels(array(
        select distinct j ->> 'queue' from jsonb_array_elements(_jobs) with ordinality as q(j, i)
         where _added.ids[i] is not null));
end
$$;
