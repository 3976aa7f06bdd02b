-- jobs.plan: writes when schedules fire next, if they still have the revision that it was computed from; answers those that have not.
-- Caller: internal
-- Writes: jobs.schedule.planned_revision, .next_fire_at, .next_wake_at, .plan_error
-- Raises: class 22 for content that the tables refuse
create or replace function jobs.plan(_plans jsonb) returns bigint[]
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
    _ids constant bigint[] := array(select (p ->> 'id')::bigint from jsonb_array_elements(_plans) as p);
    _planned bigint[];
begin
    -- By id, so that two transactions take the rows in one order.
    perform from jobs.schedule as s where s.id = any (_ids) order by s.id for no key update;
    with planned as (
        update jobs.schedule as s
           set planned_revision = s.revision, next_fire_at = p.next_fire_at, next_wake_at = p.next_wake_at,
               plan_error = p.error
          from jsonb_to_recordset(_plans) as p(
               id bigint, revision bigint, next_fire_at timestamptz, next_wake_at timestamptz, error text)
         where s.id = p.id and s.revision = p.revision
        returning s.id
    )
    select coalesce(array_agg(p.id), '{}') into _planned from planned as p;
    return array(select i from unnest(_ids) as i where i <> all (_planned));
end
$$;
