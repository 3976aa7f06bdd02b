-- jobs.keep_late: keeps as evidence what a session reports of runs that it does not hold; answers their jobs.
-- Caller: internal
-- Writes: jobs.late_results.job_id, .claim_no, .session_id, .login, .item
-- Raises: nothing
create or replace function jobs.keep_late(
    _session bigint, _ids bigint[], _claims integer[], _results text[], _failures text[], out stale bigint[])
    language sql
    set search_path = pg_catalog, jobs, pg_temp
as $$
    -- What is recorded already for this claim was only sent again, unless it is rescue that recorded it as lost. At
    -- most 1,000 are kept of one session: whoever repeats himself fills no disk and pushes nobody else's out.
    with late as (
        select i.id, i.claim_no, left(jsonb_build_array(i.result, i.failure)::text, 8192) as item
          from unnest(_ids, _claims, _results, _failures) as i(id, claim_no, result, failure)
         where (select count(*) from jobs.run as r  -- never a join, which would read every run there is
                 where r.job_id = i.id and r.claim_no = i.claim_no and r.session_id = _session
                   and (r.reason is distinct from 'lost' or exists (
                        select from jobs.session as s where s.id = _session and s.lost_at is null))) = 0
    ), kept as (
        insert into jobs.late_results (job_id, claim_no, session_id, login, item)
        select l.id, l.claim_no, _session, session_user, l.item from late as l
         limit least(100, greatest(0, 1000 - (select count(*) from jobs.late_results as k where k.session_id = _session)))
    )
    select array_agg(l.id) from late as l
$$;
