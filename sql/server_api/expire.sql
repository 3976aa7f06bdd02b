-- server_api.expire: fails waiting jobs that were not started in time, at most 1,000 a call.
-- Caller: onewriter_server
-- Writes: procrastinate.procrastinate_jobs.status, .reason, .finished_at, jobs.job_event.job_id, .type
-- Calls: jobs.channels, jobs.record_ends, jobs.unpark
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
    _ids bigint[];
    _wake text[] := '{}';
begin
    with late as materialized (
        select j.id from procrastinate_jobs as j
         where j.status = 'todo' and j.expires_at is not null and j.expires_at <= _now
         order by j.expires_at limit 1000 for update skip locked
    ), expired as (
        update procrastinate_jobs as j set status = 'failed', reason = 'expired', finished_at = _now
         where j.id = any (array(select l.id from late as l)) and j.status = 'todo'
        returning j.id, j.lock
    ), event as (
        insert into jobs.job_event (job_id, type) select e.id, 'expired' from expired as e
    )
    select coalesce(array_agg(e.id), '{}'), array_agg(e.lock) filter (where e.lock is not null)
      into _ids, _locks from expired as e;
    if _ids <> '{}' then
        _wake := array['ow_job'] || jobs.channels(jobs.unpark(_locks)) || jobs.record_ends(_ids);
    end if;
    return json_build_object('expired', cardinality(_ids), 'wake', _wake, 'next', (
        select case when min(j.expires_at) is not null
                    then round(greatest(0, extract(epoch from min(j.expires_at) - clock_timestamp())), 3) end
          from procrastinate_jobs as j where j.status = 'todo' and j.expires_at is not null));
end
$$;
