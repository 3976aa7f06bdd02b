-- jobs.supersede_runs: where runs cancel their predecessors: skips the pending ones before the last, cancels the jobs of those that run.
-- Caller: internal
-- Writes: jobs.schedule_run.state, .finished_at, .note
-- Calls: jobs.cancel
-- Raises: nothing
create or replace function jobs.supersede_runs(_schedules bigint[] default null) returns text[]
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set enable_seqscan = off
as $$
declare
    _last record;
    _job record;
    _seen integer;
    _held bigint[];
    _wake text[] := '{}';
begin
    for _last in
        select s.name, r.schedule_id, max(r.id) as id
          from jobs.schedule_run as r join jobs.schedule as s on s.id = r.schedule_id
         where r.state = 'pending' and r.backfill_id is null and not r.force
           and s.effective ->> 'overlapping' = 'cancel_running' and (_schedules is null or s.id = any (_schedules))
         group by s.name, r.schedule_id order by r.schedule_id
    loop
        update jobs.schedule_run as r
           set state = 'skipped', finished_at = clock_timestamp(), note = format('superseded by run %s', _last.id)
         where r.schedule_id = _last.schedule_id and r.id < _last.id and r.state = 'pending'
           and r.backfill_id is null and not r.force;
        -- A job that a worker takes or ends at this moment is passed over: nobody waits for two locks at once. The
        -- signal brings the next look.
        _held := array(
            select m.job_id from jobs.schedule_run as r join jobs.schedule_member as m on m.run_id = r.id
             where r.schedule_id = _last.schedule_id and r.id < _last.id and r.state = 'running'
               and r.backfill_id is null and m.job_id is not null and m.status is null);
        _seen := 0;
        for _job in
            select j.id, j.abort_requested from procrastinate_jobs as j
             where j.id = any (_held) and j.status in ('todo', 'doing') order by j.id for update skip locked
        loop
            _seen := _seen + 1;
            continue when _job.abort_requested;
            _wake := _wake || array(select json_array_elements_text(
                jobs.cancel(_job.id, 'schedule ' || _last.name, format('superseded by run %s', _last.id)) -> 'wake'));
        end loop;
        if _seen < cardinality(_held) then
            _wake := _wake || 'ow_fire'::text;
        end if;
    end loop;
    return _wake;
end
$$;
