-- jobs.apply_retries: gives failed runs back for another try, or ends them where no run is left or an abort was asked.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.finish, jobs.give_back
-- Raises: class 22 and 23 for content that the tables refuse
create or replace function jobs.apply_retries(
    _session bigint, _retry jsonb, out ids bigint[], out queues text[], out locks text[], out handled boolean)
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_seqscan = off set jit = off
as $$
declare
    _ended jsonb;
    _again jsonb;
    _f record;
    _b record;
begin
    select jsonb_agg(jsonb_build_array(i -> 0, i -> 1, case when j.abort_requested then 'aborted' else 'failed' end,
                                       null, i -> 3, coalesce(i ->> 7, 'error')))
               filter (where j.abort_requested or j.attempts + 1 >= j.max_attempts),
           jsonb_agg(i) filter (where not j.abort_requested and (j.attempts + 1 >= j.max_attempts) is not true)
      into _ended, _again
      from jsonb_array_elements(_retry) as i
      join procrastinate_jobs as j on j.id = (i ->> 0)::bigint and j.claim_no = (i ->> 1)::integer;
    select f.ids, f.locks, f.handled into _f from jobs.finish(_session, coalesce(_ended, '[]')) as f;
    select b.ids, b.queues, b.locks into _b from jobs.give_back(_session, 'retry', coalesce(_again, '[]')) as b;
    ids := _f.ids || _b.ids;
    queues := _b.queues;
    locks := _f.locks || _b.locks;
    handled := _f.handled;
end
$$;
