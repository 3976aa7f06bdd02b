-- jobs.cancel_tree: cancels a job that has not ended and whatever waits behind it; of one that has ended its children, if they are meant.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.cancel, jobs.cancel_flows, jobs.descendants, jobs.status_of
-- Raises: OWN01, OWN03, OWS01 {"status"}
create or replace function jobs.cancel_tree(_job_id bigint, _actor text, _reason text, _children boolean) returns json
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_seqscan = off
as $$
declare
    _tree bigint[];
    _flows integer := 0;
    _status text;
    _job record;
    _answer json;
    _cancelled integer := 0;
    _asked integer := 0;
    _wake text[] := '{}';
begin
    select jobs.status_of(j.status, j.gate) into _status from procrastinate_jobs as j where j.id = _job_id;
    if _status is null or _status in ('succeeded', 'failed', 'cancelled', 'aborted') and not _children then
        return jobs.cancel(_job_id, _actor, _reason);  -- says why not
    end if;
    _tree := jobs.descendants(_job_id);
    _flows := jobs.cancel_flows(_tree, _actor);
    if _status not in ('succeeded', 'failed', 'cancelled', 'aborted') then
        _answer := jobs.cancel(_job_id, _actor, _reason);
        _status := _answer ->> 'status';
        _wake := array(select json_array_elements_text(_answer -> 'wake'));
    end if;
    -- A job that a worker takes or ends at this moment is passed over: nobody waits for two locks at once. `more` says so,
    -- as of those beyond 1,000.
    for _job in
        select j.id, j.status from procrastinate_jobs as j
         where j.id = any (_tree) and j.id <> _job_id and (j.status = 'todo' or j.status = 'doing' and not j.abort_requested)
         order by j.id limit 1000 for update skip locked
    loop
        _cancelled := _cancelled + (_job.status = 'todo')::integer;
        _asked := _asked + (_job.status = 'doing')::integer;
        _wake := _wake || array(select json_array_elements_text(jobs.cancel(_job.id, _actor, _reason) -> 'wake'));
    end loop;
    return json_build_object(
        'status', _status, 'wake', array(select distinct w from unnest(_wake) as w),
        'children', json_build_object('cancelled', _cancelled, 'abort_requested', _asked, 'flows', _flows),
        'more', exists (select from procrastinate_jobs as j
                         where j.id = any (_tree) and (j.status = 'todo' or j.status = 'doing' and not j.abort_requested)));
end
$$;
