-- jobs.worker_transitions: the statuses that a worker may have next: the one place that knows the registry's state machine.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.worker_transitions(_from jobs.worker_status) returns jobs.worker_status[]
    language sql immutable
    set search_path = pg_catalog, jobs, pg_temp
as $$
    select case _from when 'pending' then '{active,offline}'   -- heard of; or given up before it was
                      when 'active' then '{offline}'           -- not heard of any more
                      when 'offline' then '{active}' end       -- heard of again
           ::jobs.worker_status[]
$$;
