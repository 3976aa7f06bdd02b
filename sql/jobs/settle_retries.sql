-- jobs.settle_retries: applies what a worker reports for another try; items that the database refuses end as failed, alone.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.apply_retries, jobs.fail_with, jobs.finish
-- Raises: OWV01 for a batch that is too large or no JSON array
create or replace function jobs.settle_retries(
    _session bigint, _retry text, out queues text[], out locks text[], out signals text[], out failed jsonb)
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set jit = off
as $$
declare
    _item text;
    _key text[];
    _one record;
begin
    failed := '{}';
    begin
        if jsonb_array_length(_retry::jsonb) > 1000 then
            perform jobs.fail_with('OWV01', 'at most 1,000 items', '{"field": "retry", "message": "over 1,000 items"}');
        end if;
        select a.queues, a.locks, a.signals into queues, locks, signals from jobs.apply_retries(_session, _retry::jsonb) as a;
        return;
    exception
        when sqlstate 'OWV01' or query_canceled or serialization_failure or deadlock_detected or lock_not_available then
            raise;
        when others then
            queues := '{}'; locks := '{}'; signals := '{}';
    end;
    for _item in select i::text from json_array_elements(_retry::json) as i limit 1000 loop
        _key := regexp_match(_item, '^\s*\[\s*([0-9]{1,18})\s*,\s*([0-9]{1,9})\s*,');
        continue when _key is null;  -- not even an id and a claim: nobody's retry
        begin
            select a.queues, a.locks, a.signals into _one from jobs.apply_retries(_session, jsonb_build_array(_item::jsonb)) as a;
            queues := queues || _one.queues;
        exception
            when query_canceled or serialization_failure or deadlock_detected or lock_not_available then
                raise;
            when others then
                failed := failed || jsonb_build_object(_key[1], format('%s %s', sqlstate, left(sqlerrm, 200)));
                _one := jobs.finish(_session, array[_key[1]::bigint], array[_key[2]::integer], null,
                    array[jsonb_build_array('failed', format('the database refused the retry: %s (%s)',
                                                             left(sqlerrm, 200), sqlstate), 'error')::text]);
        end;
        locks := locks || _one.locks;
        signals := signals || _one.signals;
    end loop;
end
$$;
