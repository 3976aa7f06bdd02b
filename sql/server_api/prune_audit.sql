-- server_api.prune_audit: deletes the oldest lines of the audit (at most 1,000) that are older than this age.
-- Caller: onewriter_server
-- Writes: jobs.audit (deletes lines older than the age, 30 days at least)
-- Calls: jobs.fail_with, jobs.record_audit
-- Raises: OWV01 for an age under 30 days
create or replace function server_api.prune_audit(_age interval) returns integer
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _cutoff constant timestamptz := clock_timestamp() - _age;
    _last record;
    _n integer;
begin
    if _age < interval '30 days' then
        perform jobs.fail_with('OWV01', 'the audit is kept for 30 days at least',
                               '{"field": "age", "message": "is under 30 days"}');
    end if;
    -- Two prunes at once would each say where the chain begins.
    perform 1 from jobs.audit_head as h for no key update;
    -- Up to the first young line: what is left is a chain.
    select o.id, o.hash into _last
      from (select l.id, l.hash, bool_and(l.at < _cutoff) over (order by l.id) as old, l.action
              from (select a.id, a.at, a.hash, a.action from jobs.audit as a order by a.id limit 1000) as l) as o
     -- A line about pruning goes with others only: else each would bring about the next.
     where o.old and o.action <> 'audit.prune' order by o.id desc limit 1;
    if not found then
        return 0;
    end if;
    perform jobs.record_audit(null, 'audit.prune', format('lines up to %s', _last.id), null,
                              jsonb_build_object('id', _last.id, 'hash', encode(_last.hash, 'hex')));
    -- For jobs.refuse_audit_change. Whoever sets it by hand still has no right to delete.
    perform set_config('onewriter.prunes_audit', 'on', true);
    delete from jobs.audit as a where a.id <= _last.id;
    get diagnostics _n = row_count;
    perform set_config('onewriter.prunes_audit', '', true);
    return _n;
end
$$;
