-- jobs.cancel_deliveries: cancels what waits to be sent to a webhook; answers the channels to signal.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.cancel
-- Raises: nothing
create or replace function jobs.cancel_deliveries(_webhook_id bigint, _actor text, _reason text) returns text[]
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
as $$
declare
    _wake text[] := '{}';
    _job record;
begin
    -- One that a worker takes at this moment is sent once more.
    for _job in
        select j.id from jobs.webhook_delivery as d join procrastinate_jobs as j on j.id = d.job_id
         where d.webhook_id = _webhook_id and j.status = 'todo' order by j.id for update of j skip locked
    loop
        _wake := _wake || array(select json_array_elements_text(jobs.cancel(_job.id, _actor, _reason) -> 'wake'));
    end loop;
    return array(select distinct c from unnest(_wake) as c);
end
$$;
