-- jobs.reopen_flow: a member's job runs once more: its flow waits for it again, unless the callback has been started already.
-- Caller: internal
-- Writes: jobs.flow_member.status, .ended_at, jobs.flow.state, .error, .finished_at
-- Raises: nothing
create or replace function jobs.reopen_flow(_job_id bigint) returns void
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
    set enable_seqscan = off
as $$
declare
    _flow jobs.flow;
begin
    -- The flow first: whoever advances it looks at its members before this or after it.
    select f.* into _flow from jobs.flow as f
     where f.id = (select m.flow_id from jobs.flow_member as m where m.job_id = _job_id) for no key update;
    if not found or _flow.callback_job_id is not null or _flow.state = 'succeeded' then
        return;
    end if;
    update jobs.flow_member as m set status = null, ended_at = null where m.job_id = _job_id;
    update jobs.flow as f set state = 'running', error = null, finished_at = null where f.id = _flow.id and f.state <> 'running';
end
$$;
