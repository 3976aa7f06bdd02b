-- jobs.explain_missing: why jobs were not added: an answer recorded for their idempotency key, or a taken queueing lock.
-- Caller: internal
-- Writes: jobs.idempotency (deletes the key of a job that its queueing lock kept out)
-- Raises: nothing
create or replace function jobs.explain_missing(_jobs jsonb, _ids bigint[], _missing integer[]) returns jsonb
    language plpgsql
    set search_path = pg_catalog, procrastinate, jobs, pg_temp
as $$
declare
    _replays jsonb;
    _conflicts jsonb;
begin
    -- Only answers are recorded: the key of a job that was refused is free again. Its row has the id drawn here.
    delete from jobs.idempotency as k using unnest(_missing) as m
     where k.api_key = coalesce((_jobs -> m -> 'idempotency' ->> 'api_key')::bigint, 0)
       and k.key = _jobs -> m -> 'idempotency' ->> 'key' and k.job_ids[1] = _ids[m + 1];

    select jsonb_object_agg(m, jsonb_build_object('ids', k.job_ids, 'hash', k.hash, 'answer', k.answer)) into _replays
      from unnest(_missing) as m join jobs.idempotency as k
        on k.api_key = coalesce((_jobs -> m -> 'idempotency' ->> 'api_key')::bigint, 0)
       and k.key = _jobs -> m -> 'idempotency' ->> 'key';

    select jsonb_object_agg(m, j.id) into _conflicts
      from unnest(_missing) as m left join procrastinate_jobs as j
        on j.status = 'todo' and j.queueing_lock = _jobs -> m ->> 'queueing_lock'
     where _replays -> m::text is null;

    return jsonb_build_object(
        'ids', (select jsonb_agg(case when n - 1 = any (_missing) then null else id end order by n)
                  from unnest(_ids) with ordinality as t(id, n)),
        'conflicts', coalesce(_conflicts, '{}'), 'replays', coalesce(_replays, '{}'));
end
$$;
