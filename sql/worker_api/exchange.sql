-- worker_api.exchange: one round trip of a worker: store notes, settle what ended, give back, claim; and the heartbeat.
-- Caller: onewriter_worker
-- Writes: jobs.session.last_seen_at, .expires_at, procrastinate.procrastinate_jobs.started_at
-- Calls: jobs.channels, jobs.claim, jobs.claim_granted, jobs.fail_with, jobs.give_back, jobs.held_session, jobs.keep_late, jobs.next_due, jobs.settle, jobs.settle_retries, jobs.take_notes, jobs.unpark
-- Raises: OWV01 for a call that is too large; 22P02 for text that is no JSON
create or replace function worker_api.exchange(
    _session bigint, _secret text, _done bigint[], _claims integer[], _results text[], _failures text[],
    _retry text, _release text, _notes text, _want integer, _free integer, _alone boolean, _floor text) returns text
    language plpgsql security definer
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_bitmapscan = off set jit = off
as $$
declare
    _s jobs.session;
    _said jsonb;
    _from text[];
    _settled record;
    _retried record;
    _released record;
    _claim record;
    _queues text[] := '{}';
    _locks text[] := '{}';
    _wake text[] := '{}';
    _now timestamptz;
    _claimed integer := 0;
    _extra text := '';
    _abort json;
    _failed jsonb := '{}';
begin
    if coalesce(pg_column_size(_results), 0) + coalesce(pg_column_size(_failures), 0) + coalesce(octet_length(_retry), 0)
       + coalesce(octet_length(_release), 0) + coalesce(octet_length(_notes), 0) > 8388608 then
        perform jobs.fail_with('OWV01', 'an exchange carries at most 8 MB', '{"field": "done", "message": "over 8 MB"}');
    end if;
    _s := jobs.held_session(_session, _secret);
    if _s.id is null then
        -- Too late, and kept as evidence where it is the session that was lost: its jobs are with others.
        perform jobs.keep_late(_session, _done[1:1000], _claims[1:1000], _results[1:1000], _failures[1:1000])
          from jobs.session as s
         where s.id = _session and s.secret = _secret and s.login = session_user and s.lost_at is not null
           and _done is not null;
        return '{"gone":true}';
    end if;

    if _notes is not null then
        _said := _notes;
        -- Before what ended is settled: of a run that has ended nothing is taken.
        if _said ?| '{progress,notes}' and jobs.take_notes(_session, _said) then
            _wake := '{ow_job}';
        end if;
    end if;
    if _done is not null then
        _settled := jobs.settle(_session, _done, _claims, _results, _failures);
        _locks := coalesce(_settled.locks, '{}');
        _wake := _wake || 'ow_job'::text || _settled.signals;
        if _settled.stale is not null then
            _extra := ',"stale":' || array_to_json(_settled.stale);
        end if;
        _failed := _settled.failed;
    end if;
    if _retry is not null then
        _retried := jobs.settle_retries(_session, _retry);
        _queues := _retried.queues;
        _locks := _locks || _retried.locks;
        _wake := _wake || 'ow_job'::text || _retried.signals;
        _failed := _failed || _retried.failed;
    end if;
    if _failed <> '{}' then
        _extra := _extra || ',"failed":' || _failed;
    end if;
    if _release is not null then
        if jsonb_array_length(_release::jsonb) > 1000 then
            perform jobs.fail_with('OWV01', 'at most 1,000 items', '{"field": "release", "message": "over 1,000 items"}');
        end if;
        -- Of an item the id and the claim alone: a release moves nothing.
        _released := jobs.give_back(_session, 'release', (
            select coalesce(jsonb_agg(jsonb_build_array(i -> 0, i -> 1)), '[]') from jsonb_array_elements(_release::jsonb) as i));
        _queues := _queues || _released.queues;
        _locks := _locks || _released.locks;
        _wake := _wake || _released.signals;
    end if;
    if _locks <> '{}' then
        _queues := _queues || jobs.unpark(_locks);
    end if;
    if _said ? 'started' then
        update procrastinate_jobs as j set started_at = clock_timestamp()
          from jsonb_array_elements(_said -> 'started') as i
         where j.id = (i ->> 0)::bigint and j.claim_no = (i ->> 1)::integer and j.worker_id = _session
           and j.status in ('doing', 'aborting') and j.started_at is null;
    end if;

    if _want > 0 and not _s.draining then
        _from := _s.queues;
        if _s.restricted then
            _claim := jobs.claim_granted(_session, _from, least(_want, 1000), _free, _alone, _floor::jsonb);
            _from := _claim.queues;
        else
            _claim := jobs.claim(_session, _from, least(_want, 1000), _free, _alone, _floor::jsonb);
        end if;
        _claimed := _claim.claimed;
        _extra := _extra || ',"more":' || coalesce(_claim.more, false)
                  || ',"scan":' || _claim.scan;
        if _claimed > 0 then  -- by columns: id, claim_no, queue, task, args, …
            _extra := _extra || ',"jobs":' || _claim.jobs;
            _wake := _wake || 'ow_job'::text;
        end if;
        if _claimed < _want then
            _extra := _extra || ',"due":' || coalesce(jobs.next_due(_session, _from)::text, 'null');
        end if;
        -- `gate + 0`, so that no index of ready jobs fits: the suspects have the short one of rare things.
        if not _alone and exists (
            select from procrastinate_jobs as j
             where j.status = 'todo' and j.crashes > 0 and j.gate + 0 < 2
               and (_from is null or j.queue_name = any (_from))) then
            _extra := _extra || ',"suspect":true';
        end if;
        _wake := _wake || _claim.wake;
    end if;
    if _queues <> '{}' then
        _wake := _wake || jobs.channels(_queues);
    end if;
    if _wake <> '{}' then
        _extra := _extra || ',"wake":' || array_to_json(array(select distinct w from unnest(_wake) as w where w is not null));
    end if;

    select json_agg(j.id) into _abort from procrastinate_jobs as j
     where j.worker_id = _session and j.status = 'doing' and j.abort_requested;
    if _abort is not null then
        _extra := _extra || ',"abort":' || _abort;
    end if;
    -- The heartbeat writes at most once a second: a busy worker exchanges hundreds of times.
    _now := clock_timestamp();
    update jobs.session as s set last_seen_at = _now, expires_at = _now + s.lease
     where s.id = _session and s.last_seen_at < _now - interval '1 s';
    return '{"gone":false' || _extra || '}';
end
$$;
