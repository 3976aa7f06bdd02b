-- jobs.advance_flow: starts what is next in a running flow whose row the caller holds, or ends it; answers the channels to signal.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.advance_chain, jobs.advance_group
-- Raises: nothing of the jobs' own
create or replace function jobs.advance_flow(_id bigint) returns text[]
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
    set enable_seqscan = off
as $$
declare
    _flow jobs.flow;
begin
    -- Decided by its members as they stand, never by what was told of them: telling twice, or late, changes nothing.
    select f.* into _flow from jobs.flow as f where f.id = _id and f.state = 'running';
    if not found then
        return '{}';
    end if;
    return case _flow.kind when 'chain' then jobs.advance_chain(_flow) else jobs.advance_group(_flow) end;
end
$$;
