-- server_api.expire: fails waiting jobs that were not started in time, at most 1,000 a call.
-- Caller: onewriter_server
-- Writes: procrastinate.procrastinate_jobs.status, .reason, .finished_at, jobs.job_event.job_id, .type, jobs.outbox.job_id, .claim_no, .event, .at
-- Calls: jobs.channels, jobs.end_members, jobs.unpark
-- Moves: todo -> failed
-- Raises: nothing
create or replace function server_api.expire() returns json
    language plpgsql security definer
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_seqscan = off
as $$
declare
    _now constant timestamptz := clock_timestamp();
    _locks text[];
    _members bigint[];
    _n integer;
    _wake text[] := '{}';
begin
    with late as materialized (
        select j.id from procrastinate_jobs as j
         where j.status = 'todo' and j.expires_at is not null and j.expires_at <= _now
         order by j.expires_at limit 1000 for update skip locked
    ), expired as (
        update procrastinate_jobs as j set status = 'failed', reason = 'expired', finished_at = _now
         where j.id = any (array(select l.id from late as l)) and j.status = 'todo'
        returning j.id, j.lock, j.task_name, j.claim_no, j.run_id
    ), event as (
        insert into jobs.job_event (job_id, type) select e.id, 'expired' from expired as e
    ), told as (
        insert into jobs.outbox (job_id, claim_no, event, at)
        select e.id, e.claim_no, 'failed', _now from expired as e
         where exists (select from jobs.subscription as s where s.task = e.task_name and s.event in ('failed', '*'))
    )
    select count(*), array_agg(e.lock) filter (where e.lock is not null), array_agg(e.id) filter (where e.run_id is not null)
      into _n, _locks, _members from expired as e;
    if _n > 0 then
        _wake := array['ow_job', 'ow_out'] || jobs.channels(jobs.unpark(_locks)) || jobs.end_members(_members);
    end if;
    return json_build_object('expired', _n, 'wake', _wake, 'next', (
        select case when min(j.expires_at) is not null
                    then round(greatest(0, extract(epoch from min(j.expires_at) - clock_timestamp())), 3) end
          from procrastinate_jobs as j where j.status = 'todo' and j.expires_at is not null));
end
$$;
