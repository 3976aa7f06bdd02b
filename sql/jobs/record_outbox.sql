-- jobs.record_outbox: tells the result handlers of an end that no run reported; answers the channel to signal, if any.
-- Caller: internal
-- Writes: jobs.outbox.job_id, .claim_no, .event, .at
-- Raises: nothing
create or replace function jobs.record_outbox(_job_id bigint, _event text) returns text[]
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
as $$
begin
    insert into jobs.outbox (job_id, claim_no, event, at)
    select j.id, j.claim_no, _event, clock_timestamp()
      from procrastinate_jobs as j
     where j.id = _job_id
       and exists (select from jobs.subscription as s where s.task = j.task_name and s.event in (_event, '*'));
    return case when found then array['ow_out'] else '{}' end;
end
$$;
