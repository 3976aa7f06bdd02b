-- jobs.settle: ends what a worker reports as ended; items that the database refuses end as failed, alone.
-- Caller: internal
-- Writes: jobs.late_results.job_id, .claim_no, .session_id, .login, .item
-- Calls: jobs.fail_with, jobs.finish
-- Raises: OWV01 for a batch that is too large or no JSON array
create or replace function jobs.settle(
    _session bigint, _done text, out ids bigint[], out stale bigint[], out failed jsonb, out locks text[],
    out handled boolean)
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
    set jit = off
as $$
declare
    _items jsonb;
    _item text;
    _key text[];
    _one record;
begin
    failed := '{}';
    begin
        _items := _done::jsonb;
        if jsonb_array_length(_items) > 1000 then
            perform jobs.fail_with('OWV01', 'at most 1,000 items', '{"field": "done", "message": "over 1,000 items"}');
        end if;
        select f.ids, f.locks, f.handled into ids, locks, handled from jobs.finish(_session, _items) as f;
    exception
        when sqlstate 'OWV01' or query_canceled or serialization_failure or deadlock_detected or lock_not_available then
            raise;
        when others then
            ids := null;
    end;
    if ids is null then
        -- Something in the batch is not acceptable (NUL, 1e999999, an unknown status …): each for itself.
        ids := '{}'; locks := '{}'; handled := false; _items := '[]';
        for _item in select i::text from json_array_elements(_done::json) as i limit 1000 loop
            -- By pattern: JSON's own operators fail on some of what may stand further on in the item.
            _key := regexp_match(_item, '^\s*\[\s*([0-9]{1,18})\s*,\s*([0-9]{1,9})\s*,');
            continue when _key is null;  -- not even an id and a claim: nobody's result
            begin
                select f.ids, f.locks, f.handled into _one from jobs.finish(_session, jsonb_build_array(_item::jsonb)) as f;
            exception
                when query_canceled or serialization_failure or deadlock_detected or lock_not_available then
                    raise;
                when others then
                    failed := failed || jsonb_build_object(_key[1], format('%s %s', sqlstate, left(sqlerrm, 200)));
                    select f.ids, f.locks, f.handled into _one
                      from jobs.finish(_session, jsonb_build_array(jsonb_build_array(
                               _key[1]::bigint, _key[2]::integer, 'failed', null,
                               format('the database refused the result: %s (%s)', left(sqlerrm, 200), sqlstate),
                               case sqlstate when '23514' then 'oversized' else 'not_json' end))) as f;
            end;
            _items := _items || jsonb_build_array(jsonb_build_array(_key[1]::bigint, _key[2]::integer));
            ids := ids || _one.ids;
            locks := locks || _one.locks;
            handled := handled or _one.handled;
        end loop;
    end if;
    if cardinality(ids) = jsonb_array_length(_items) then
        return;
    end if;
    -- What is recorded already for this claim is acknowledged again; anything else came too late and is kept as evidence.
    with late as (
        select (i ->> 0)::bigint as id, (i ->> 1)::integer as claim_no, left(i::text, 8192) as item
          from jsonb_array_elements(_items) as i
         where not exists (select from jobs.attempt as a
                            where a.job_id = (i ->> 0)::bigint and a.claim_no = (i ->> 1)::integer
                              and a.session_id = _session)
    ), kept as (
        insert into jobs.late_results (job_id, claim_no, session_id, login, item)
        select l.id, l.claim_no, _session, session_user, l.item from late as l limit 100
    )
    select array_agg(l.id) into stale from late as l;
end
$$;
