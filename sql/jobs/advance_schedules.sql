-- jobs.advance_schedules: moves schedules' high-water marks, never back: planned times up to them do not fire any more.
-- Caller: internal
-- Writes: jobs.schedule.fired_until
-- Raises: class 22 for marks that are none
create or replace function jobs.advance_schedules(_marks jsonb) returns void
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
begin
    update jobs.schedule as s set fired_until = m.until
      from jsonb_to_recordset(_marks) as m(id bigint, until timestamptz)
     where s.id = m.id and s.fired_until < m.until;
end
$$;
