-- jobs.apply_retries: gives failed runs back for another try, or ends them where no run is left or an abort was asked.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.finish, jobs.give_back
-- Raises: class 22 and 23 for content that the tables refuse
create or replace function jobs.apply_retries(
    _session bigint, _retry jsonb, out queues text[], out locks text[], out signals text[])
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_seqscan = off set jit = off
as $$
declare
    _ids bigint[];
    _claims integer[];
    _failures text[];
    _again jsonb;
    _f record;
    _b record;
begin
    select array_agg(j.id) filter (where k.over), array_agg(j.claim_no) filter (where k.over),
           array_agg(jsonb_build_array(case when j.abort_requested then 'aborted' else 'failed' end, i -> 3,
                                       coalesce(i ->> 7, 'error'))::text) filter (where k.over),
           jsonb_agg(i) filter (where not k.over)
      into _ids, _claims, _failures, _again
      from jsonb_array_elements(_retry) as i
      join procrastinate_jobs as j on j.id = (i ->> 0)::bigint and j.claim_no = (i ->> 1)::integer
     cross join lateral (select j.abort_requested or coalesce(j.attempts + 1 >= j.max_attempts, false) as over) as k;
    _f := jobs.finish(_session, _ids, _claims, null, _failures);
    _b := jobs.give_back(_session, 'retry', coalesce(_again, '[]'));
    queues := _b.queues;
    locks := _f.locks || _b.locks;
    signals := _f.signals;
end
$$;
