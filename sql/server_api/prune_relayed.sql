-- server_api.prune_relayed: forgets rows of domains that were relayed longer ago than a month, at most 1,000 a call.
-- Caller: onewriter_server
-- Writes: jobs.relayed (deletes what no domain will tell again)
-- Raises: nothing
create or replace function server_api.prune_relayed() returns integer
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
    set enable_seqscan = off
as $$
declare
    _n integer;
begin
    -- A row is told again only if its domain lost the deletion, that is right after a crash.
    delete from jobs.relayed as r where r.id = any (array(
        select o.id from jobs.relayed as o where o.at < clock_timestamp() - interval '30 days'
         order by o.at limit 1000));
    get diagnostics _n = row_count;
    return _n;
end
$$;
