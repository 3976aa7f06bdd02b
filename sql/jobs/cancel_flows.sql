-- jobs.cancel_flows: ends running flows that one of these jobs started, and chains of which one of them was the last step so far.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.end_flow
-- Raises: nothing
create or replace function jobs.cancel_flows(_jobs bigint[], _actor text) returns integer
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
    _flow bigint;
    _n integer := 0;
begin
    -- By id, so that two transactions take the rows in one order; and before any job's: who starts a step holds its flow.
    for _flow in
        select f.id from jobs.flow as f
         where f.state = 'running' and f.id in (
               select p.id from jobs.flow as p where p.parent_id = any (_jobs)
                union
               select m.flow_id from jobs.flow_member as m join jobs.flow as c on c.id = m.flow_id and c.kind = 'chain'
                where m.job_id = any (_jobs))
         order by f.id for no key update
    loop
        perform jobs.end_flow(_flow, 'cancelled', format('cancelled by %s', _actor));
        _n := _n + 1;
    end loop;
    return _n;
end
$$;
