-- jobs.settle: ends what a worker reports as ended; items that the database refuses end as failed, alone.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.fail_with, jobs.finish, jobs.keep_late
-- Raises: OWV01 for more than 1,000 items
create or replace function jobs.settle(
    _session bigint, _ids bigint[], _claims integer[], _results text[], _failures text[],
    out stale bigint[], out failed jsonb, out locks text[], out signals text[])
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set jit = off
as $$
declare
    _ended integer;
    _one record;
begin
    if cardinality(_ids) > 1000 then
        perform jobs.fail_with('OWV01', 'at most 1,000 items', '{"field": "done", "message": "over 1,000 items"}');
    end if;
    failed := '{}';
    begin
        select f.ended, f.locks, f.signals into _ended, locks, signals
          from jobs.finish(_session, _ids, _claims, _results, _failures) as f;
    exception
        when query_canceled or serialization_failure or deadlock_detected or lock_not_available then
            raise;
        when others then
            -- Something in the batch is not acceptable (NUL, 1e999999, an unknown status …): each for itself.
            _ended := 0; locks := '{}'; signals := '{}';
            for _n in 1..cardinality(_ids) loop
                begin
                    _one := jobs.finish(_session, _ids[_n:_n], _claims[_n:_n], _results[_n:_n], _failures[_n:_n]);
                exception
                    when query_canceled or serialization_failure or deadlock_detected or lock_not_available then
                        raise;
                    when others then
                        failed := failed || jsonb_build_object(_ids[_n], format('%s %s', sqlstate, left(sqlerrm, 200)));
                        _one := jobs.finish(_session, _ids[_n:_n], _claims[_n:_n], null, array[jsonb_build_array(
                            'failed', format('the database refused the result: %s (%s)', left(sqlerrm, 200), sqlstate),
                            case sqlstate when '23514' then 'oversized' else 'not_json' end)::text]);
                end;
                _ended := _ended + _one.ended;
                locks := locks || _one.locks;
                signals := signals || _one.signals;
            end loop;
    end;
    if _ended = cardinality(_ids) then
        return;
    end if;
    -- What is recorded already for this claim is acknowledged again; anything else came too late and is kept as evidence.
    stale := jobs.keep_late(_session, _ids, _claims, _results, _failures);
end
$$;
