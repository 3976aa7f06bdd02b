-- jobs.consumer_channel: where a consumer of ends listens: flows and webhooks are ours, all others are result handlers.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.consumer_channel(_consumer text) returns text
    language sql immutable parallel safe
    set search_path = pg_catalog, pg_temp
as $$
    select case _consumer when 'flows' then 'ow_flow' when 'webhooks' then 'ow_hook' else 'ow_out' end
$$;
