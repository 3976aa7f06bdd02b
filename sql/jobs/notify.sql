-- jobs.notify: signals channels inside the caller's transaction.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.notify(_channels text[]) returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    -- For the rare verbs only: a NOTIFY in a transaction takes a cluster-wide lock until the commit is flushed.
    perform pg_notify(channel, '') from unnest(_channels) as channel;
end
$$;
