-- jobs.try_add: adds jobs; those that the database refuses are left out alone, each with its error.
-- Caller: internal
-- Writes: nothing
-- Calls: jobs.add, jobs.explain_missing, jobs.try_add
-- Raises: nothing of the jobs' own
create or replace function jobs.try_add(
    _jobs jsonb, _cause jsonb default null, _ids bigint[] default null, _of integer[] default null,
    out ids bigint[], out errors jsonb[])
    language plpgsql
    set search_path = pg_catalog, jobs, pg_temp
as $$
declare
    _n constant integer := jsonb_array_length(_jobs);
    _missing integer[];
    _why jsonb;
    _rest record;
begin
    select a.ids, a.missing into ids, _missing from jobs.add(_jobs, _cause, _ids, _of) as a;
    errors := array_fill(null::jsonb, array[_n]);
    if _missing is not null then
        _why := jobs.explain_missing(_jobs, ids, _missing) -> 'conflicts';
        ids := array(select case when i - 1 <> all (_missing) then ids[i] end from generate_series(1, _n) as i);
        errors := array(select case when i - 1 = any (_missing) then jsonb_build_object(
                                    'error', 'queueing-lock-taken', 'message', 'a job with this queueing_lock waits already',
                                    'job_id', _why -> (i - 1)::text) end
                          from generate_series(1, _n) as i);
    end if;
exception
    when data_exception or integrity_constraint_violation or sqlstate 'OWT01' then
        if _n = 1 then
            ids := array[null::bigint];
            errors := array[jsonb_build_object(
                'error', case sqlstate when 'OWT01' then 'queue-refuses-task' else 'invalid-value' end, 'message', sqlerrm)];
            return;
        end if;
        -- By halves, down to the ones at fault.
        select a.ids || b.ids, a.errors || b.errors into ids, errors
          from jobs.try_add(jsonb_path_query_array(_jobs, '$[0 to $last]', jsonb_build_object('last', _n / 2 - 1)),
                            _cause, _ids[:_n / 2], _of[:_n / 2]) as a,
               jobs.try_add(jsonb_path_query_array(_jobs, '$[$first to last]', jsonb_build_object('first', _n / 2)),
                            _cause, _ids[_n / 2 + 1:], _of[_n / 2 + 1:]) as b;
end
$$;
