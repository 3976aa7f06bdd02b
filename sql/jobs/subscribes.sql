-- jobs.subscribes: whether a consumer is told of such ends; flows, which nobody publishes, always are.
-- Caller: internal
-- Writes: nothing
-- Raises: nothing
create or replace function jobs.subscribes(_consumer text, _task text, _event text) returns boolean
    language sql stable
    set search_path = pg_catalog, jobs, pg_temp
as $$
    select _consumer = 'flows' or exists (
        select from jobs.subscription as s
         where s.consumer = _consumer and s.task in (_task, '*') and s.event in (_event, '*'))
$$;
