-- jobs.claim_granted: jobs.claim for a restricted login: within its queues and its cap, and every job's task fits.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.claim, jobs.fail_with, jobs.fits, jobs.withdraw_queue
-- Raises: OWV01 for a login with a cap in another isolation than read committed
create or replace function jobs.claim_granted(
    _session bigint, _asked text[], _want integer, _free integer, _alone boolean, _floor jsonb,
    out jobs text, out claimed integer, out more boolean, out wake text[], out scan numeric, out queues text[])
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
declare
    _login jobs.worker_login;
    _misfit record;
begin
    select l.* into _login from jobs.worker_login as l where l.login = session_user;
    if _login.in_flight is not null then
        if current_setting('transaction_isolation') <> 'read committed' then  -- an old snapshot would not see what others hold
            perform jobs.fail_with('OWV01', 'claim in read committed',
                                   '{"field": "transaction_isolation", "message": "must be read committed"}');
        end if;
        -- The sessions of one login count one after the other; another login's never wait here.
        perform pg_advisory_xact_lock(hashtextextended('onewriter in flight ' || session_user, 0));
        _want := least(_want, _login.in_flight - (
            select count(*) from jobs.session as s join procrastinate_jobs as j on j.worker_id = s.id and j.status = 'doing'
             where s.login = session_user and s.lost_at is null and s.closed_at is null));
    end if;
    claimed := 0;
    more := false;
    scan := 0;
    queues := '{}';
    if _want <= 0 or _login.revoked_at is not null then
        return;  -- with no queues, so that nothing that is due or suspect calls this worker back before its heartbeat
    end if;
    queues := case when _login.granted is null then _asked when _asked is null then _login.granted
                   else array(select a from unnest(_asked) as a where a = any (_login.granted)) end;
    begin
        select c.jobs, c.claimed, c.more, c.wake, c.scan into jobs, claimed, more, wake, scan
          from jobs.claim(_session, queues, _want, _free, _alone, _floor) as c;
        if claimed > 0 and _login.tasks is not null then
            select t.* into _misfit
              from (select j.queue_name, j.task_name, min(j.id) as job_id from procrastinate_jobs as j
                     where j.worker_id = _session and j.status = 'doing' group by 1, 2) as t
             where not jobs.fits(t.task_name, _login.tasks) limit 1;
            if found then
                perform jobs.fail_with('OWT01', 'a job that does not fit');
            end if;
        end if;
    exception when sqlstate 'OWT01' then
        -- The whole claim is undone: the job waits where it was, and this login has one queue less to ask.
        jobs := null;
        claimed := 0;
        more := true;
        scan := 0;
        wake := null;
        queues := array_remove(queues, _misfit.queue_name::text);
        perform jobs.withdraw_queue(session_user, _misfit.queue_name, _misfit.task_name, _misfit.job_id);
    end;
end
$$;
