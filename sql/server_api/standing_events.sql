-- server_api.standing_events: which of these events wait still, or are dead letters; the others will not come again.
-- Caller: onewriter_handler
-- Writes: nothing
-- Raises: nothing
create or replace function server_api.standing_events(_ids bigint[]) returns bigint[]
    language sql stable security definer
    set search_path = pg_catalog, jobs, pg_temp
as $$ select array(select o.id from jobs.outbox as o where o.id = any (_ids)) $$;
