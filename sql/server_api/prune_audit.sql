-- server_api.prune_audit: deletes the oldest lines of the audit (at most 1,000) that are older than this age.
-- Caller: onewriter_server
-- Writes: jobs.audit (deletes lines older than the age, 30 days at least)
-- Calls: jobs.fail_with
-- Raises: OWV01 for an age under 30 days
create or replace function server_api.prune_audit(_age interval) returns integer
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _n integer;
begin
    if _age < interval '30 days' then
        perform jobs.fail_with('OWV01', 'the audit is kept for 30 days at least',
                               '{"field": "age", "message": "is under 30 days"}');
    end if;
    -- For jobs.refuse_audit_change. Whoever sets it by hand still has no right to delete.
    perform set_config('onewriter.prunes_audit', 'on', true);
    delete from jobs.audit as a
     where a.id = any (array(select o.id from (select l.id, l.at from jobs.audit as l order by l.id limit 1000) as o
                              where o.at < clock_timestamp() - _age));
    get diagnostics _n = row_count;
    perform set_config('onewriter.prunes_audit', '', true);
    return _n;
end
$$;
