-- jobs.add_follow_ups: adds jobs of which some have ids that were drawn before, each with the cause whose place (from 1) is in _of;
-- those that the database refuses are left out, each with its error.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.try_add
-- Raises: OWV01 for an id that was not drawn or is in use
create or replace function jobs.add_follow_ups(
    _jobs jsonb, _causes jsonb, _of integer[], out ids bigint[], out skipped bigint[], out errors jsonb[])
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
as $$
declare
    _drawn constant bigint[] := array(
        select coalesce((j ->> 'id')::bigint, nextval('procrastinate.procrastinate_jobs_id_seq'))
          from jsonb_array_elements(_jobs) with ordinality as t(j, n) order by n);
    _near jsonb;
    _places integer[];
begin
    -- A cause knows its jobs by their smallest and their largest id, so it stands for ids that lie close together only:
    -- where its own leave a gap, another row begins.
    with job as (
        select d.id, d.nth, d.ord, (d.id - lag(d.id) over (partition by d.nth order by d.id, d.ord) > 1000) is not false as begins
          from unnest(_drawn, _of) with ordinality as d(id, nth, ord)
    ), placed as (
        select j.nth, j.ord, j.begins, count(*) filter (where j.begins) over (order by j.nth, j.id, j.ord)::integer as place
          from job as j
    )
    select jsonb_agg(_causes -> (p.nth - 1) order by p.place) filter (where p.begins), array_agg(p.place order by p.ord)
      into _near, _places from placed as p;
    if _near is null then
        ids := '{}'; errors := '{}'; skipped := '{}';
        return;
    end if;
    -- What says where a job comes from is told by the cause: a handler's login must not name a run, a key or a person.
    select a.ids, a.errors into ids, errors
      from jobs.try_add((select jsonb_agg(j - '{actor,request_id,run_id,idempotency}'::text[] order by n)
                           from jsonb_array_elements(_jobs) with ordinality as t(j, n)), _near, _drawn, _places) as a;
    skipped := array(select _drawn[i] from generate_subscripts(_drawn, 1) as i where ids[i] is null);
end
$$;
