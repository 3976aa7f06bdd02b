-- server_api.forget_idempotency: forgets answers older than 24 hours, at most 1,000 a call.
-- Caller: onewriter_server
-- Writes: jobs.idempotency (deletes)
-- Raises: nothing
create or replace function server_api.forget_idempotency() returns integer
    language plpgsql security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _n integer;
begin
    delete from jobs.idempotency as k using (
        select o.api_key, o.key from jobs.idempotency as o
         where o.created_at < clock_timestamp() - interval '24 hours'
         order by o.created_at limit 1000 for update skip locked) as old
     where k.api_key = old.api_key and k.key = old.key;
    get diagnostics _n = row_count;
    return _n;
end
$$;
