-- jobs.forget_old_keys: makes the idempotency keys of new jobs free again where their answer is older than 24 hours.
-- Caller: internal
-- Writes: jobs.idempotency (deletes keys older than 24 hours)
-- Raises: nothing
create or replace function jobs.forget_old_keys(_jobs jsonb) returns void
    language sql
    set search_path = pg_catalog, jobs, pg_temp
as $$
    delete from jobs.idempotency as k using jsonb_array_elements(_jobs) as item
     where k.api_key = coalesce((item -> 'idempotency' ->> 'api_key')::bigint, 0)
       and k.key = item -> 'idempotency' ->> 'key' and k.created_at < clock_timestamp() - interval '24 hours'
$$;
