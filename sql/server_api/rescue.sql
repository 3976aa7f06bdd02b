-- server_api.rescue: takes one lost session and gives its jobs back; the third crash of a job ends it.
-- Caller: onewriter_server
-- Writes: jobs.session.lost_at, jobs.session (deletes what was lost or closed a day ago), jobs.past_session.id, .name, .login, jobs.past_session (deletes beyond 100,000), jobs.late_results (deletes beyond 10,000)
-- Calls: jobs.channels, jobs.finish, jobs.give_back, jobs.terminate, jobs.unpark
-- Raises: nothing
create or replace function server_api.rescue() returns json
    language plpgsql security definer
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_seqscan = off
as $$
declare
    _now constant timestamptz := clock_timestamp();
    _s jobs.session;
    _holder bigint;
    _ids bigint[];
    _claims integer[];
    _failures text[];
    _rest jsonb;
    _ended record;
    _back record;
begin
    select s.* into _s from jobs.session as s
     where s.lost_at is null and s.closed_at is null and s.expires_at < _now
     order by s.expires_at limit 1 for update skip locked;
    if found then
        update jobs.session as s set lost_at = _now where s.id = _s.id;
        _holder := _s.id;
    else
        -- An exchange that cannot end (its client stopped reading) would keep the row for ever.
        perform jobs.terminate(s.id) from jobs.session as s
          where s.lost_at is null and s.closed_at is null and s.expires_at < _now;
        -- Jobs whose session is not there any more, which only a restore or a hand-made change can cause.
        select j.worker_id into _holder from procrastinate_jobs as j
         where j.status = 'doing' and not exists (
               select from jobs.session as s where s.id = j.worker_id and s.lost_at is null and s.closed_at is null)
         limit 1;
        -- Runs outlive the sessions that ran them: whose they were stays known.
        with gone as (
            delete from jobs.session as s where coalesce(s.lost_at, s.closed_at) < _now - interval '1 day'
            returning s.id, s.name, s.login
        )
        insert into jobs.past_session (id, name, login) select g.id, g.name, g.login from gone as g;
        delete from jobs.past_session as p where p.id <= (select max(n.id) - 100000 from jobs.past_session as n);
        delete from jobs.late_results as l where l.id <= (select max(n.id) - 10000 from jobs.late_results as n);
    end if;

    select array_agg(j.id) filter (where k.over), array_agg(j.claim_no) filter (where k.over),
           array_agg(jsonb_build_array(case when j.abort_requested then 'aborted' else 'failed' end,
                                       'its worker was lost', 'lost')::text) filter (where k.over),
           jsonb_agg(jsonb_build_array(j.id, j.claim_no, null, 'its worker was lost')) filter (where not k.over)
      into _ids, _claims, _failures, _rest
      from procrastinate_jobs as j cross join lateral
           (select j.abort_requested or coalesce(j.crashes, 0) + (j.started_at is not null)::integer >= 3 as over) as k
     where j.worker_id = _holder and j.status = 'doing';
    _ended := jobs.finish(_holder, _ids, _claims, null, _failures);
    _back := jobs.give_back(_holder, 'lost', coalesce(_rest, '[]'));
    return json_build_object(
        'session', _holder, 'returned', cardinality(_back.ids), 'failed', _ended.ended,
        -- Its own queues too: what an exchange had taken that never ended is ready again, and nobody's to signal.
        'wake', case when _holder is null then '{}'
                     else array['ow_job'] || coalesce(jobs.channels(_s.queues), array['ow_any'])
                          || jobs.channels(_back.queues || jobs.unpark(_ended.locks || _back.locks))
                          || _ended.signals || _back.signals
                end,
        'next', (select case when min(s.expires_at) is not null
                         then round(greatest(0, extract(epoch from min(s.expires_at) - clock_timestamp())), 3) end
                   from jobs.session as s where s.lost_at is null and s.closed_at is null));
end
$$;
