-- worker_api.close: ends a session; what it still holds goes back to its queue without an attempt counted.
-- Caller: onewriter_worker
-- Writes: jobs.session.closed_at
-- Calls: jobs.channels, jobs.give_back, jobs.held_session, jobs.notify, jobs.unpark
-- Raises: nothing
create or replace function worker_api.close(_session bigint, _secret text) returns json
    language plpgsql security definer
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
as $$
declare
    _back record;
begin
    perform from jobs.session as s where s.id = _session and s.login = session_user for update;
    if (jobs.held_session(_session, _secret)).id is null then
        return '{"gone": true}';
    end if;
    update jobs.session as s set closed_at = clock_timestamp() where s.id = _session;
    select b.* into _back from jobs.give_back(_session, 'release', (
        select coalesce(jsonb_agg(jsonb_build_array(j.id, j.claim_no)), '[]') from procrastinate_jobs as j
         where j.worker_id = _session and j.status = 'doing')) as b;
    perform jobs.notify(_back.signals || jobs.channels(_back.queues || jobs.unpark(_back.locks)));
    return json_build_object('returned', cardinality(_back.ids));
end
$$;
